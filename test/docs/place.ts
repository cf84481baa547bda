import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Berthd, repository } from '../harness/berthd.ts'

/** Where the commands of a page are run: on a private berthd, with what a reader has at hand. */
export interface DocsPlace {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Where the agent that a page starts says what it does. */
  readonly agentLog: string
  /** The text of a command with the private berthd's places for the standard ones, and what it printed the other way round. */
  readonly inThisPlace: (text: string) => string
  readonly asInThePage: (text: string) => string
}

/** The folder `page` with `bin/berth` and `examples/` of this repository, both for the private berthd. */
export function docsPlace({ place, endpoint }: Berthd, page: string): DocsPlace {
  const folder = join(place.folder, 'pages', page)
  const bin = join(folder, 'bin')
  const logs = join(folder, 'logs')
  const agentLog = join(folder, 'agent.log')
  mkdirSync(bin, { recursive: true })
  // The bundle, as users have it: it starts in half the time, and the pages have many commands.
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: repository })
  assert.equal(status, 0, 'npm run build')
  const manifests = `--manifests '${join(folder, 'manifests')}'`
  const launcher = `#!/bin/sh
# The agent's places are this test's own.
case "$1 $*" in
  *--manifests*) ;;
  agent\\ *--status*) shift; set -- agent ${manifests} --sockets '${folder}/s' "$@" ;;
  agent\\ *)
    shift; set -- agent ${manifests} --sockets '${folder}/s' --volumes '${folder}/volumes' --pod-logs '${logs}' "$@"
    exec 2>>'${agentLog}' ;;
  apply\\ *|delete\\ *) verb=$1; shift; set -- "$verb" ${manifests} "$@" ;;
esac
exec ${process.execPath} ${join(repository, 'dist/berth.js')} "$@"
`
  writeFileSync(join(bin, 'berth'), launcher, { mode: 0o755 })
  const examples = join(folder, 'examples')
  cpSync(join(repository, 'examples'), examples, { recursive: true })
  for (const name of readdirSync(examples).filter((name) => name.endsWith('.json'))) {
    const text = readFileSync(join(examples, name), 'utf8')
    writeFileSync(join(examples, name), text.replaceAll('/var/log/pods', logs))
  }
  return {
    folder,
    agentLog,
    env: {
      ...process.env,
      PATH: `${bin}:${process.env.PATH}`,
      CONTAINER_RUNTIME_ENDPOINT: endpoint,
      NO_COLOR: '1',
      NODE_COMPILE_CACHE: join(place.folder, 'compiled'),
    },
    inThisPlace: (text) => text.replaceAll('/run/berth/', `${place.state}/`),
    asInThePage: (text) => text.replaceAll(logs, '/var/log/pods'),
  }
}
