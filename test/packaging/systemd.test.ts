import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { FreshRoot } from './fresh-root.ts'
import { provideHelloImage, providePackages, release, version } from './packages.ts'

test(`the Debian package with systemd (${release}): enabled and started, restarted by an upgrade, off by a removal`, {
  timeout: 280_000,
}, async (t) => {
  const debian = await FreshRoot.make({ release, systemd: true })
  t.after(() => debian.remove())
  const [first, second] = providePackages(debian)
  // In a namespace some units of Debian's own may fail, so that it is degraded.
  const isUp = () => /running|degraded/.test(debian.try('systemctl is-system-running').output) || undefined
  await eventually('systemd has started', isUp, 60_000)
  const property = (name: string, unit = 'berth') => debian.run(`systemctl show ${unit} -p ${name} --value`).trim()
  const stateOf = (unit = 'berth') =>
    [debian.try(`systemctl is-enabled ${unit}`), debian.try(`systemctl is-active ${unit}`)].map(({ output }) =>
      output.trim(),
    )
  const isInForce = (line: string) => debian.run('berth config show --running').includes(line)
  const containerPid = () => debian.run('berth inspect hello/counter -o "jsonpath={.info.pid}"').trim()

  await t.test('install', async () => {
    assert.doesNotMatch(debian.run(`dpkg -i /${first}`), /warning|did not start|Failed/i)
    assert.deepEqual(stateOf(), ['enabled', 'active'])
    assert.deepEqual(stateOf('berth-agent'), ['disabled', 'inactive'])
    const units = ['berth', 'berth-agent'].map((name) => `/usr/lib/systemd/system/${name}.service`)
    assert.equal(debian.run(`systemd-analyze verify ${units.join(' ')}`), '')
    debian.run('mkdir -p /etc/cni/net.d && cp /usr/share/doc/berth/examples/10-berth.conflist /etc/cni/net.d/')
    await provideHelloImage(debian)
    debian.run('berth load /root/hello && berth run -f /usr/share/doc/berth/examples/hello.yaml')
    debian.run('systemctl enable --now berth-agent')
  })

  await t.test('restart, and a death of berthd, leave pods alone', async () => {
    const before = { pod: containerPid(), berthd: property('MainPID') }
    const isRead = (cause: string) => debian.run('journalctl -u berth -o cat').includes(`"cause":"${cause}"`)
    assert.ok(!isRead('SIGHUP'))
    debian.run('systemctl reload berth')
    await eventually('the configuration was read again', () => isRead('SIGHUP') || undefined)
    assert.equal(property('MainPID'), before.berthd)
    debian.run(`sed -i 's/^# log_level = .*/log_level = "debug"/' /etc/berth/config.toml`)
    await eventually('what has changed counts', () => isInForce('log_level = "debug"') || undefined)
    assert.equal(property('MainPID'), before.berthd)
    debian.run('systemctl restart berth')
    assert.notEqual(property('MainPID'), before.berthd)
    assert.equal(containerPid(), before.pod)
    debian.run(`kill -9 ${property('MainPID')}`)
    await eventually('systemd has started it again', () => property('NRestarts') === '1' || undefined)
    await eventually('berthd serves', () => debian.try('berth version').exitCode === 0 || undefined)
    assert.equal(containerPid(), before.pod)
  })

  await t.test('an upgrade restarts berthd and the agent, and no pod', () => {
    const before = { pod: containerPid(), berthd: property('MainPID'), agent: property('MainPID', 'berth-agent') }
    debian.run(`dpkg -i /${second}`)
    assert.equal(debian.run("dpkg-query -W -f '${Version}' berth"), `${version}-2`)
    assert.notEqual(property('MainPID'), before.berthd)
    assert.notEqual(property('MainPID', 'berth-agent'), before.agent)
    assert.equal(containerPid(), before.pod)
    assert.deepEqual(stateOf(), ['enabled', 'active'])
  })

  await t.test('what the administrator has switched off stays off', () => {
    // The agent wants berthd: a restart of it would start that.
    debian.run(`systemctl disable --now berth-agent berth && dpkg -i /${first}`)
    assert.deepEqual(
      [stateOf(), stateOf('berth-agent')],
      [
        ['disabled', 'inactive'],
        ['disabled', 'inactive'],
      ],
    )
    debian.run('systemctl enable --now berth berth-agent')
  })

  await t.test('a removal stops both and leaves the pods; an install has them again', () => {
    const pod = containerPid()
    assert.match(debian.run('dpkg -r berth'), /1 pods are left, and run on/)
    assert.deepEqual([stateOf()[1], stateOf('berth-agent')[1]], ['inactive', 'inactive'])
    debian.run(`test -d /proc/${pod}`)
    // What is left of it in /etc starts nothing, and fails at nothing.
    debian.run('/etc/init.d/berth start')
    debian.run(`dpkg -i /${second}`)
    assert.deepEqual(stateOf(), ['enabled', 'active'])
    assert.equal(containerPid(), pod)
  })

  await t.test('purge', () => {
    debian.run('dpkg -P berth')
    assert.equal(debian.run('find /etc/systemd/system /var/lib/systemd -name "*berth*"'), '')
    assert.equal(debian.run('ls -d /var/lib/berth /run/berth /var/log/berth /etc/berth 2>/dev/null || true'), '')
    assert.deepEqual(
      debian.processes().filter((line) => /berth/.test(line)),
      [],
    )
    assert.equal(debian.run('systemctl list-units --failed --plain --no-legend "berth*"'), '')
  })
})
