import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ContainerState } from '../../src/gen/cri_pb.ts'
import { conformance } from '../harness/conformance.ts'
import { buildImage, buildLayer, busyboxItems } from '../registry/image-builder.ts'
import type { TarItem } from '../registry/tar-writer.ts'

/**
 * Attacks by links, volumes and descriptors from inside an image or a container, as other runtimes have had them. Each part
 * sets up the attack against a folder of the host and proves that nothing of it is read or changed.
 */
test('nothing leads out of a container', { timeout: 240_000 }, async (t) => {
  const { client, part, image } = await conformance(t)

  /** A folder of the host that no container may see, with a secret in it. */
  function forbidden(part: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'berth-host-'))
    part.after(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'etc'))
    writeFileSync(join(folder, 'secret'), 'of the host')
    writeFileSync(join(folder, 'etc/passwd'), 'evil:x:4242:4242::/:/bin/sh\n')
    writeFileSync(join(folder, 'etc/group'), 'evils:x:4343:evil\n')
    const content = () => readdirSync(folder, { recursive: true }).map(String).sort()
    const before = content()
    return {
      folder,
      /** The way there out of any root, by going up as far as it goes. */
      climbing: `${'../'.repeat(24)}${folder.slice(1)}`,
      assertUntouched() {
        assert.deepEqual(content(), before)
        assert.equal(readFileSync(join(folder, 'secret'), 'utf8'), 'of the host')
        assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder), 'nothing is mounted there')
      },
    }
  }

  /** An image of busybox with entries put in the place of its own. */
  async function evilImage(name: string, items: readonly TarItem[], config: object = {}): Promise<string> {
    const names = new Set(items.map((item) => item.name.replace(/\/$/, '')))
    const kept = busyboxItems().filter((item) => ![...names].some((each) => `${item.name}/`.startsWith(`${each}/`)))
    return image(`library/${name}`, buildImage({ layers: [buildLayer([...kept, ...items])], config }))
  }

  const link = (name: string, linkname: string): TarItem => ({ name, type: '2', linkname })
  const dropImage = (name: string) => client.image.removeImage({ image: { image: name } })

  await part('accounts are read from the image’s own files, whatever these are', async (t) => {
    const host = forbidden(t)
    const pod = await client.runSandbox(client.sandboxConfig('accounts'))
    const asEvil = (imageId: string, name: string) =>
      client.createContainer(
        pod,
        client.containerConfig(name, 'id', {
          image: { image: imageId },
          linux: { securityContext: { namespaceOptions: { pid: 1 }, runAsUsername: 'evil' } },
        }),
      )
    const ways: Record<string, readonly TarItem[]> = {
      absolute: [link('etc/passwd', join(host.folder, 'etc/passwd'))],
      climbing: [link('etc/passwd', `${host.climbing}/etc/passwd`)],
      folder: [link('etc', join(host.folder, 'etc'))],
      magic: [link('etc/passwd', `/proc/1/root${host.folder}/etc/passwd`)],
      pipe: [{ name: 'etc/passwd', type: '6' }],
      device: [{ name: 'etc/passwd', type: '3', devmajor: 1, devminor: 5 }],
      loop: [link('etc/passwd', 'passwd')],
    }
    for (const [name, items] of Object.entries(ways)) {
      const id = await evilImage(`accounts-${name}`, items)
      await assert.rejects(asEvil(id, name), { codeName: 'INVALID_ARGUMENT', message: /passwd/ }, name)
      await dropImage(id)
    }
    assert.deepEqual((await client.runtime.listContainers({})).containers, [])
    host.assertUntouched()
  })

  await part('links at the targets of mounts stay inside', async (t) => {
    const host = forbidden(t)
    const volume = mkdtempSync(join(tmpdir(), 'berth-volume-'))
    t.after(() => rmSync(volume, { recursive: true }))
    symlinkSync(host.folder, join(volume, 'link'))
    symlinkSync(host.climbing, join(volume, 'climbing'))
    const id = await evilImage('targets', [
      link('data', host.folder),
      link('up', host.climbing),
      link('etc/resolv.conf', join(host.folder, 'secret')),
    ])
    const pod = await client.runSandbox(client.sandboxConfig('targets', { dnsConfig: { servers: ['10.9.8.7'] } }))
    const payload = mkdtempSync(join(tmpdir(), 'berth-payload-'))
    t.after(() => rmSync(payload, { recursive: true }))
    const targets = ['/data', '/up', '/vol/link', '/vol/climbing/deeper', '/data/etc/passwd']
    for (const [index, containerPath] of targets.entries()) {
      const mounts = [
        { containerPath: '/vol', hostPath: volume },
        { containerPath, hostPath: payload },
      ]
      const script = `echo x >${containerPath}/written; cat ${host.folder}/secret ${containerPath}/secret; grep nameserver /etc/resolv.conf`
      const config = client.containerConfig(`c${index}`, script, { image: { image: id }, mounts })
      const container = await client.createContainer(pod, config)
      const started = await client.runtime.startContainer({ containerId: container }).then(
        () => true,
        () => false,
      )
      if (started) {
        await client.exited(container)
        const text = (await client.logLines(container)).join('\n')
        assert.ok(!text.includes('of the host'), containerPath)
        assert.match(text, /nameserver 10\.9\.8\.7/)
      } else assert.equal((await client.status(container)).reason, 'StartError')
      host.assertUntouched()
      await client.runtime.removeContainer({ containerId: container })
    }
    await dropImage(id)
  })

  await part('/proc cannot be replaced (CVE-2019-16884)', async (t) => {
    const host = forbidden(t)
    const fake = join(host.folder, 'etc')
    const volumes = await evilImage('proc-volume', [], { Volumes: { '/proc': {} } })
    const pod = await client.runSandbox(client.sandboxConfig('proc'))
    const cases = [
      { mounts: [{ containerPath: '/proc', hostPath: fake }] },
      { mounts: [{ containerPath: '/proc/self/attr', hostPath: fake }] },
      { mounts: [{ containerPath: '/tmp/../proc/', hostPath: fake }] },
    ]
    for (const [index, change] of cases.entries()) {
      const container = await client.createContainer(pod, client.containerConfig(`c${index}`, 'sleep 1000', change))
      await assert.rejects(
        client.runtime.startContainer({ containerId: container }),
        { message: /proc/ },
        `case ${index}`,
      )
      assert.equal((await client.status(container)).state, ContainerState.CONTAINER_EXITED)
    }
    const config = client.containerConfig('volume', 'stat -f -c %T /proc; cat /proc/self/comm', {
      image: { image: volumes },
    })
    const container = await client.runContainer(pod, config)
    await client.exited(container)
    assert.deepEqual(await client.logLines(container), ['proc', 'cat'])
    await dropImage(volumes)
  })

  await part('the volumes that an image declares copy nothing from the host (CVE-2022-23648)', async (t) => {
    const host = forbidden(t)
    const id = await evilImage('volumes', [link('out', host.folder)], {
      Volumes: { [`/${host.climbing}`]: {}, '/out': {}, [`/proc/self/root/${host.folder}`]: {} },
    })
    const pod = await client.runSandbox(client.sandboxConfig('volumes'))
    const script = `find / -xdev -name secret; cat /out/secret ${host.folder}/secret; echo end`
    const container = await client.runContainer(pod, client.containerConfig('c', script, { image: { image: id } }))
    await client.exited(container)
    assert.equal((await client.logLines(container)).filter((line) => /of the host|\/secret$/.test(line)).length, 0)
    host.assertUntouched()
    await client.runtime.removeContainer({ containerId: container })
    await dropImage(id)
  })

  await part('nothing is made through links of the image (CVE-2024-5154)', async (t) => {
    const host = forbidden(t)
    const ways: Record<string, readonly TarItem[]> = {
      etc: [link('etc', host.folder)],
      mtab: [link('etc/mtab', join(host.folder, 'made'))],
      hosts: [link('etc/hosts', join(host.folder, 'made')), link('etc/hostname', join(host.folder, 'secret'))],
      climbing: [link('etc', host.climbing)],
      run: [link('run', host.folder), link('var', host.folder)],
    }
    const pod = await client.runSandbox(client.sandboxConfig('made'))
    for (const [name, items] of Object.entries(ways)) {
      const id = await evilImage(`made-${name}`, items)
      const config = client.containerConfig(name, 'cat /etc/hosts /etc/mtab; echo x >/etc/made; echo x >/run/made', {
        image: { image: id },
        mounts: [{ containerPath: '/run/secrets/token', hostPath: '/etc/hostname', readonly: true }],
      })
      const container = await client.createContainer(pod, config)
      await client.runtime.startContainer({ containerId: container }).then(
        () => client.exited(container),
        () => {},
      )
      host.assertUntouched()
      await client.runtime.removeContainer({ containerId: container })
      await dropImage(id)
    }
  })

  await part('an image with a link for /dev, /proc or /sys is refused before the runtime follows it', async (t) => {
    const host = forbidden(t)
    const pod = await client.runSandbox(client.sandboxConfig('kernel'))
    for (const name of ['dev', 'proc', 'sys']) {
      for (const to of [host.folder, host.climbing, '/tmp']) {
        const id = await evilImage(`kernel-${name}`, [link(name, to)])
        const config = client.containerConfig(`${name}-${to.length}`, 'sleep 1000', { image: { image: id } })
        const refused = { codeName: 'INVALID_ARGUMENT', message: new RegExp(`/${name} of image .* is a link`) }
        await assert.rejects(client.createContainer(pod, config), refused)
        await dropImage(id)
      }
    }
    host.assertUntouched()
  })

  await part('no descriptor of the runtime leaks in, and none is a working directory (CVE-2024-21626)', async (t) => {
    const host = forbidden(t)
    const pod = await client.runSandbox(client.sandboxConfig('descriptors'))
    const show = 'for f in /proc/self/fd/*; do echo "${f##*/} $(readlink $f)"; done'
    const container = await client.runContainer(pod, client.containerConfig('fds', `${show}; sleep 1000`))
    const ofExec = await client.runtime.execSync({ containerId: container, cmd: ['sh', '-c', show] })
    for (const lines of [await client.logLines(container), Buffer.from(ofExec.stdout).toString().trim().split('\n')]) {
      // 10 and above are the shell's own.
      const leaked = lines.filter((line) => !/^[012] |^\d+( \/proc\/| ?$)/.test(line) && !line.includes('/bin/busybox'))
      assert.deepEqual(leaked, [])
    }
    for (const fd of [3, 4, 5, 6, 7, 8, 9, 10]) {
      for (const workingDir of [
        `/proc/self/fd/${fd}`,
        `/proc/1/fd/${fd}/..`,
        `/dev/fd/${fd}`,
        `/x/../proc/self/fd/${fd}`,
      ]) {
        const config = client.containerConfig(`w${fd}`, 'pwd', { workingDir })
        await assert.rejects(client.createContainer(pod, config), { codeName: 'INVALID_ARGUMENT' }, workingDir)
      }
    }
    const numbers = [3, 5, 6, 7, 8, 9]
    const id = await evilImage(
      'cwd',
      numbers.map((fd) => link(`cwd${fd}`, `/proc/self/fd/${fd}`)),
      { WorkingDir: '/cwd7' },
    )
    for (const fd of numbers) {
      const script = `cat ${'../'.repeat(24)}${host.folder.slice(1)}/secret; pwd; ls -di .`
      const config = client.containerConfig(`l${fd}`, script, {
        image: { image: id },
        workingDir: fd === 7 ? '' : `/cwd${fd}`,
      })
      const container = await client.createContainer(pod, config)
      const started = await client.runtime.startContainer({ containerId: container }).then(
        () => true,
        () => false,
      )
      if (!started) continue
      await client.exited(container)
      assert.ok(!(await client.logLines(container)).join('\n').includes('of the host'), `descriptor ${fd}`)
    }
    host.assertUntouched()
    await dropImage(id)
  })

  await part('the sub path of an image volume stays inside the image', async (t) => {
    const host = forbidden(t)
    const id = await evilImage('volume', [
      { name: 'real/' },
      { name: 'real/file', data: 'of the image\n' },
      link('absolute', host.folder),
      link('climbing', host.climbing),
      link('inside', '/real'),
      link('magic', '/proc/self/root/etc'),
    ])
    const pod = await client.runSandbox(client.sandboxConfig('volume'))
    const mounting = (imageSubPath: string) =>
      client.createContainer(
        pod,
        client.containerConfig(`c${imageSubPath.length}`, 'cat /vol/*; echo x >/vol/x || echo refused', {
          mounts: [{ containerPath: '/vol', image: { image: id }, imageSubPath, readonly: true }],
        }),
      )
    for (const path of [
      'absolute',
      'climbing',
      'magic',
      '../real',
      'real/../../x',
      '/real',
      'real/file',
      'none',
      'real\0',
    ]) {
      await assert.rejects(mounting(path), { codeName: 'INVALID_ARGUMENT', message: /^ImageVolumeMountFailed/ }, path)
    }
    const container = await mounting('inside')
    await client.runtime.startContainer({ containerId: container })
    const status = await client.exited(container)
    assert.deepEqual((await client.logLines(container)).at(0), 'of the image')
    assert.ok((await client.logLines(container)).includes('refused'))
    assert.equal(status.mounts[0]?.image?.image, id)
    host.assertUntouched()
    await client.runtime.removeContainer({ containerId: container })
    await dropImage(id)
  })
})
