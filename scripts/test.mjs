/**
 * `npm test`: makes the machine ready, then runs the unit tests (beside the code, no root needed by what they test) and
 * after them the tests in test/, one file at a time: a real registry, a private berthd, real containers.
 *
 *     npm test                                   everything
 *     npm test -- test/integration/x.test.ts     these files
 *     npm run test:package                       those of test/packaging, which are not in the others: they take a new Debian
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fail, findNode, root, setup } from './setup.mjs'

/** A test that hangs fails after this, in milliseconds; each has a shorter limit of its own where it waits. */
const timeout = 300_000

/** What V8 makes of the program: each of the many processes of a test would make it anew, which takes half of their CPU time. */
const compiled = join(root, 'node_modules/.cache/compiled')

function testFiles(folder) {
  if (!existsSync(join(root, folder))) return []
  const names = readdirSync(join(root, folder), { recursive: true })
  return names
    .filter((name) => name.endsWith('.test.ts') && !name.startsWith('packaging'))
    .map((name) => join(folder, name))
    .sort()
}

/** Runs test files under Node's own runner, whose summary ends the output; answers whether all passed. */
function runTests(node, what, files, concurrency) {
  if (files.length === 0) {
    console.error(`No test files: ${what}`)
    return false
  }
  console.log(`\n${what}: ${files.length} files`)
  const options = ['--test', `--test-concurrency=${concurrency}`, `--test-timeout=${timeout}`, '--test-reporter=spec']
  const result = spawnSync(node, [...options, ...files], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { NODE_COMPILE_CACHE: compiled, ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
  })
  return result.status === 0
}

try {
  const packaging = process.argv[2] === '--package'
  await setup({ tests: true, packaging })
  const node = findNode()
  const given = packaging ? testFiles('test/packaging') : process.argv.slice(2)
  if (given.length > 0) {
    process.exit(runTests(node, 'The given tests', given, 1) ? 0 : 1)
  }
  const units = runTests(node, 'Unit tests', [...testFiles('src'), ...testFiles('scripts'), ...testFiles('bench')], 2)
  if (!units) console.log('\nUnit tests failed, see above; running the tests with root all the same.')
  const whole = runTests(node, 'Tests with root', testFiles('test'), 1)
  process.exit(units && whole ? 0 : 1)
} catch (error) {
  fail(error)
}
