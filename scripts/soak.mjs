/**
 * `npm run soak`: pods come and go in parallel for as long as you like, while berthd and its shims are killed at random; then
 * looks whether anything was lost or is left over. Needs root, and what `npm test` needs.
 *
 *     npm run soak -- --minutes 30 --rate 5
 *     npm run soak -- --pods 2000 --kill-every 0      memory and descriptors of daemons that live
 */
import { spawnSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { fail, findNode, root, setup } from './setup.mjs'

const help = `npm run soak -- [options]
  --minutes N      for how long pods are begun (default: 5)
  --rate N         pods a second, as far as the machine can (default: 4)
  --pods N         so many pods instead, however long they take
  --kill-every N   seconds between two kills, on average; 0 for none (default: 5)`

try {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      rate: { type: 'string', default: '4' },
      pods: { type: 'string' },
      'kill-every': { type: 'string', default: '5' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    console.log(help)
    process.exit(0)
  }
  const number = (name) => {
    const value = Number(values[name])
    if (!(value >= 0)) throw new Error(`--${name} ${values[name]}: not a number\n${help}`)
    return String(value)
  }
  const env = {
    BERTH_SOAK_SECONDS: String(Number(number('minutes')) * 60),
    BERTH_SOAK_RATE: number('rate'),
    BERTH_SOAK_KILL_EVERY: number('kill-every'),
    ...(values.pods !== undefined && { BERTH_SOAK_PODS: number('pods') }),
  }
  await setup({ tests: true })
  const node = findNode()
  const result = spawnSync(node, ['test/soak/soak.test.ts'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
  })
  process.exit(result.status ?? 1)
} catch (error) {
  fail(error)
}
