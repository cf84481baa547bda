/**
 * `npm start`: makes the machine ready, builds Berth when a source is newer than the build, then hands over to
 * start/main.ts, which starts berthd and runs a first pod. `npm start -- --help` shows the options, and does nothing else.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { isStale } from './build.mjs'
import { abandoned, run, step } from './run.mjs'
import { fail, findNode, isNewEnough, root, setup, staticBusybox } from './setup.mjs'

const help = `npm start -- [options]

  --config FILE    configuration file of berthd (default: /etc/berth/config.toml, if it is there)
  --root FOLDER    images and records (default: /var/lib/berth)
  --state FOLDER   sockets and mounts (default: /run/berth)
  --log FILE       log of berthd (default: /var/log/berth/berthd.log)
  --manifest FILE  Pod to run (default: examples/hello.yaml)
  --bridge NAME    bridge for pods when the machine has no CNI configuration (default: berth0)
  --subnet CIDR    addresses for pods in that case (default: 10.73.0.0/16)
`

if (process.argv.slice(2).some((option) => option === '--help' || option === '-h')) {
  process.stdout.write(help)
  process.exit(0)
}

try {
  await setup()
  if (isNewEnough(process.versions.node)) {
    // In a process of its own, which takes the memory of the bundler with it.
    if (isStale())
      await step('Building Berth into dist/', () => run(process.execPath, ['scripts/build.mjs'], { cwd: root }))
    const { start } = await import('./start/main.ts')
    await start(process.argv.slice(2), { busybox: staticBusybox(), abandoned: abandoned() })
  } else {
    // The first start on a machine with an older Node: the npm packages have brought one since this began.
    startAnew(findNode())
  }
} catch (error) {
  fail(error)
}

/** Runs this script again under another Node and ends as it ends; the signals that end it go there. */
function startAnew(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  void abandoned().then(() => child.kill('SIGTERM'))
  child.on('error', fail)
  child.on('exit', (code) => process.exit(code ?? 1))
}
