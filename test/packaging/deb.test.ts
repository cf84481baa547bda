import assert from 'node:assert/strict'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { FreshRoot } from './fresh-root.ts'
import { provideHelloImage, providePackages, release, version } from './packages.ts'

test(`the Debian package (${release}): install, run a pod, upgrade, remove, install again, purge`, {
  timeout: 280_000,
}, async (t) => {
  const debian = await FreshRoot.make({ release, systemd: false })
  t.after(() => debian.remove())
  const [first, second] = providePackages(debian)

  await t.test('install', async () => {
    debian.run(`dpkg -i /${first}`)
    // What a node has of its own: a CNI configuration, and here a cgroup that no other berthd of this machine uses.
    debian.run('mkdir -p /etc/cni/net.d && cp /usr/share/doc/berth/examples/10-berth.conflist /etc/cni/net.d/')
    debian.run(`sed -i 's|^# cgroup_parent = .*|cgroup_parent = "/${debian.mark}"|' /etc/berth/config.toml`)
    assert.match(debian.run('berth config check'), /is valid/)
    assert.match(debian.run('berth config show --origin'), new RegExp(`${debian.mark}.*config\\.toml`))
    const began = Date.now()
    debian.run('/etc/init.d/berth start')
    await eventually(
      'berthd serves',
      () => debian.try('test -S /run/berth/berth.sock').exitCode === 0 || undefined,
      30_000,
    )
    t.diagnostic(`berthd listened ${Date.now() - began} ms after its start was asked for`)
    debian.run('berth version')
    for (const program of ['berth', 'berthd']) {
      const told = debian.run(`NODE_DEBUG_NATIVE=COMPILE_CACHE ${program} --version 2>&1`)
      assert.match(told, new RegExp(`V8 code cache for ESM \\S+/dist/${program}\\.js was accepted`))
    }
  })

  await t.test('run a pod', async () => {
    await provideHelloImage(debian)
    debian.run('berth load /root/hello')
    debian.run('berth run -f /usr/share/doc/berth/examples/hello.yaml')
    await eventually('the pod prints', () => debian.run('berth logs hello/counter').includes('hello 2 ') || undefined)
    const completion = '/usr/share/bash-completion/completions/berth'
    assert.match(debian.run(`bash -c '. ${completion} && complete -p berth'`), /-F _berth berth/)
    assert.match(debian.run('berth __complete -- lo'), /^logs\t/m)
  })

  const container = { pid: '', started: '' }
  const startOf = (pid: string) => debian.run(`cut -d' ' -f22 /proc/${pid}/stat`).trim()

  await t.test('upgrade with the pod running', async () => {
    container.pid = debian.run('berth inspect hello/counter -o "jsonpath={.info.pid}"').trim()
    container.started = startOf(container.pid)
    const berthd = debian.run('cat /run/berthd.pid')
    const before = debian.run('berth logs hello/counter').trim().split('\n').length
    debian.run(`dpkg -i /${second}`)
    assert.equal(debian.run("dpkg-query -W -f '${Version}' berth"), `${version}-2`)
    assert.notEqual(debian.run('cat /run/berthd.pid'), berthd, 'berthd was restarted')
    await eventually('berthd serves', () => debian.try('berth version').exitCode === 0 || undefined, 30_000)
    assert.equal(startOf(container.pid), container.started, 'the container is the one that it was')
    assert.match(debian.run('cat /etc/berth/config.toml'), new RegExp(`^cgroup_parent = "/${debian.mark}"`, 'm'))
    const lines = await eventually('the pod prints on', () => {
      const lines = debian.run('berth logs hello/counter').trim().split('\n')
      return lines.length > before ? lines : undefined
    })
    assert.deepEqual(
      lines,
      lines.map((_, i) => `hello ${i + 1} from hello`),
    )
    assert.equal(debian.run('berth exec hello/counter echo yes').trim(), 'yes')
  })

  await t.test('remove, and install again', async () => {
    const said = debian.run('dpkg -r berth 2>&1')
    assert.match(said, /1 pods are left, and run on/)
    assert.doesNotMatch(said, /not empty|warning/)
    assert.ok(!existsSync(join(debian.folder, 'usr/lib/berth')))
    assert.ok(!existsSync(join(debian.folder, 'usr/bin/berth')))
    assert.ok(!debian.processes().some((line) => line.includes('berthd.js')), 'berthd has ended')
    assert.equal(startOf(container.pid), container.started)
    debian.run(`dpkg -i /${second} && /etc/init.d/berth start`)
    await eventually('berthd serves', () => debian.try('berth version').exitCode === 0 || undefined, 30_000)
    assert.match(debian.run('berth ps'), /counter/)
    assert.ok(!existsSync(join(debian.folder, 'var/lib/berth/kept-program')))
  })

  await t.test('purge', async () => {
    debian.run('dpkg -P berth')
    assert.deepEqual(
      ['/var/lib/berth', '/run/berth', '/var/log/berth', '/etc/berth', '/etc/init.d/berth', '/usr/lib/berth'].filter(
        (path) => debian.try(`test -e ${path}`).exitCode === 0,
      ),
      [],
    )
    assert.deepEqual(
      debian.mounts().filter((path) => path.includes('berth')),
      [],
    )
    await eventually('no process is left', () => debian.processes().length === 0 || undefined).catch((error: Error) => {
      throw new Error(`${error.message}: ${debian.processes().join('; ')}`, { cause: error })
    })
    assert.equal(debian.try('dpkg-query -W berth').exitCode, 1)
    assert.equal(debian.run('ls /var/lib/cni/networks/berth0 | grep -c "^10\\." || true').trim(), '0')
    const cgroups = globSync(`/sys/fs/cgroup/{,*/}${debian.mark}/*/`)
    assert.deepEqual(cgroups, [], 'no cgroup of a pod is left')
  })
})
