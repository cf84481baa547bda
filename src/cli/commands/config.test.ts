import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setUp } from '../testing/set-up.ts'

test('berth config: the defaults, a check, what is in force and why', async () => {
  let reading = {}
  await using set = await setUp({
    runtime: {
      status: () => ({
        info: { info: JSON.stringify({ config: { cgroup_parent: '/mine', trace: true }, configReading: reading }) },
      }),
    },
  })
  assert.match((await set.berth('config', 'default')).stdout, /^# .*\nroot = "\/var\/lib\/berth"  # needs a restart\n/)
  const file = set.file('config.toml', '[cni]\nconf_dir = "/x"\n')
  assert.equal((await set.berth('config', 'check', file)).stdout, `${file} is valid.\n`)
  assert.match((await set.berth('config', 'show', '-c', file)).stdout, /^\[cni\]\nconf_dir = "\/x"$/m)
  const { stdout } = await set.berth('config', 'show', '--origin', '-c', file)
  assert.match(stdout, /^cni\.conf_dir = "\/x" +\S+config\.toml:2$/m)
  assert.match(stdout, /^trace = false +default$/m)
  assert.equal((await set.berth('config', 'show', '--running')).stdout, 'cgroup_parent = "/mine"\ntrace = true\n')
  reading = { file: '/f', needsRestart: ['root', 'nri.socket'], error: 'it is no TOML' }
  const { stdout: notes } = await set.berth('config', 'show', '--running')
  assert.match(
    notes,
    /^# \/f is refused, .*: it is no TOML\n# not in force until .* restarted: root, nri\.socket\ncgroup_parent = /,
  )
  const { stdout: diagnoses } = await set.berth(
    'doctor',
    '--offline',
    '-o',
    'jsonpath={.diagnoses[?(@.check=="configuration in force")].found}',
  )
  assert.match(diagnoses, /^\/f is refused, .*: it is no TOML not in force .*: root, nri\.socket$/m)
  const bad = await set.berth('config', 'check', set.file('bad.toml', 'tracee = true\n'))
  assert.match(`${bad.code} ${bad.stderr}`, /^1 berth: .*bad\.toml is not valid: tracee: .*did you mean "trace"\?/)
  const none = await set.berth('config', 'check', '/nowhere.toml')
  assert.match(`${none.code} ${none.stderr}`, /^1 .*\/nowhere\.toml cannot be read/)
})
