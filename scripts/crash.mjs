/**
 * `npm run crash`: the whole crash suite, of which `npm test` runs a part: every operation is interrupted at every fault point by
 * each victim. Prints the matrix. Needs root, and what `npm test` needs; takes five to ten minutes.
 *
 *     npm run crash                                 all cases
 *     npm run crash -- StartContainer shim-start    those with all these words in "operation point victim"
 */
import { spawnSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { fail, findNode, root, setup } from './setup.mjs'

const help = `npm run crash -- [words]
  Runs the cases whose "operation point victim" has all the words; all cases without any.
  Victims: berthd, shim, both, error. Points: src/lib/fault-point-names.ts. Operations are in the first column of the matrix.`

try {
  const words = process.argv.slice(2)
  if (words.some((word) => word === '--help' || word === '-h')) {
    console.log(help)
    process.exit(0)
  }
  await setup({ tests: true })
  const node = findNode()
  const result = spawnSync(node, ['test/crash/fault-points.test.ts'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      BERTH_CRASH_CASES: words.join(' ') || 'all',
      PATH: `${dirname(node)}${delimiter}${process.env.PATH}`,
    },
  })
  process.exit(result.status ?? 1)
} catch (error) {
  fail(error)
}
