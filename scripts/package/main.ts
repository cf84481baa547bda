import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { scripts } from '../../src/cli/completion/scripts.ts'
import { referenceFile } from '../../src/config/reference.ts'
import { type Architecture, architectures } from './architecture.ts'
import { commentedOut } from './commented-out.ts'
import { makeDeb } from './deb.ts'
import { licenses } from './licenses.ts'
import { manualPages } from './manual.ts'
import { unpackLocked } from './npm-packages.ts'
import { run } from './run.ts'
import { makeTarball } from './tarball.ts'

const root = join(import.meta.dirname, '../..')

const help = `npm run package -- [options]

  --arch ARCH      amd64 or arm64 (default: both)
  --only KIND      deb or tarball (default: both)
  --revision N     adds -N to the version of the Debian package
  --out FOLDER     where the packages go (default: build)
`

const { values } = parseArgs({
  options: {
    arch: { type: 'string', multiple: true, default: Object.keys(architectures) },
    only: { type: 'string' },
    revision: { type: 'string' },
    out: { type: 'string', default: join(root, 'build') },
    help: { type: 'boolean', short: 'h' },
  },
})

if (values.help) {
  process.stdout.write(help)
} else {
  for (const arch of values.arch) {
    if (!(arch in architectures)) throw new Error(`there is no architecture ${arch}, but amd64 and arm64`)
  }
  await makePackages(values.arch as Architecture[], values.out)
}

async function makePackages(wanted: readonly Architecture[], out: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }
  // The time of the sources, by which the same ones make the same packages (reproducible-builds.org).
  const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? run('git', ['log', '-1', '--format=%ct'], { cwd: root }))
  run(process.execPath, ['scripts/build.mjs'], { cwd: root })
  const texts = {
    manual: await manualPages(root, version),
    completions: scripts,
    config: commentedOut(referenceFile()),
    licenses: licenses(root),
  }
  mkdirSync(out, { recursive: true })
  const cache = join(root, 'build/npm')
  for (const architecture of wanted) {
    const { node } = architectures[architecture]
    const sources = {
      root,
      dist: join(root, 'dist'),
      node: unpackLocked(root, cache, `node-linux-${node}`),
      koffi: unpackLocked(root, cache, 'koffi'),
      koffiNative: unpackLocked(root, cache, `@koromix/koffi-linux-${node}`),
      texts,
    }
    const stage = join(root, `build/stage-${architecture}`)
    if (values.only !== 'tarball') {
      const debVersion = values.revision === undefined ? version : `${version}-${values.revision}`
      const file = join(out, `berth_${debVersion}_${architecture}.deb`)
      makeDeb(sources, { architecture, version: debVersion, stage: join(stage, 'deb'), file, epoch })
      tell(file)
    }
    if (values.only !== 'deb') {
      const name = `berth-${version}-linux-${architecture}`
      const file = join(out, `${name}.tar.gz`)
      makeTarball(sources, { architecture, stage: join(stage, name), file, epoch })
      tell(file)
    }
    rmSync(stage, { recursive: true })
  }
}

function tell(file: string): void {
  console.log(`${file} (${(statSync(file).size / 1e6).toFixed(1)} MB)`)
}
