/**
 * `npm run package`: makes the Debian packages and the tarballs in build/, each with its own Node; `-- --help` tells more. Needs
 * dpkg-deb and GNU tar, and npm's registry or cache.
 */
import { spawnSync } from 'node:child_process'
import { fail, findNode, installNpmPackages, root } from './setup.mjs'

try {
  await installNpmPackages()
  const result = spawnSync(findNode(), ['scripts/package/main.ts', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  })
  process.exit(result.status ?? 1)
} catch (error) {
  fail(error)
}
