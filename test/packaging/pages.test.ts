import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repository } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { blocksOf, pages } from '../docs/pages.ts'
import { busyboxImage, writeLayout } from '../registry/image-builder.ts'
import { FreshRoot } from './fresh-root.ts'
import { makePackage, provideHelloImage, release } from './packages.ts'

/** Those who begin on a node with containerd come first: they end with the purge of Berth. */
const order = ['docs/from-containerd.md', 'README.md', 'docs/quick-start.md', 'docs/networking.md']
const then = ['docs/troubleshooting.md', 'docs/kubeadm.md']

/** What stands in the commands for something of the reader's. */
const meant = { NODE: 'node-1', IMAGE: 'localhost/berth/hello:latest', POD: 'again', CONTAINER: 'main' }

const containerd = 'unix:///run/containerd/containerd.sock'
const pauseImage = 'localhost/pause:latest'

/**
 * Runs the blocks "sh node" of the pages on a new Debian with systemd, containerd and kubectl. Debian has no kubelet and no
 * crictl: a service that sleeps stands for the one, `berth` for the other (BERTH_TESTS_CRICTL names a real one), and
 * api-server.ts for the API server. The modules that `modprobe` is to load are in this kernel already.
 */
test(`the commands that the pages have for a node (${release})`, { timeout: 280_000 }, async (t) => {
  const node = await FreshRoot.make({ release, systemd: true, node: true })
  t.after(() => node.remove())
  const checkout = join(node.folder, 'root/checkout')
  mkdirSync(join(checkout, 'build'), { recursive: true })
  const deb = makePackage()
  cpSync(join(repository, 'build', deb), join(checkout, 'build', deb))
  prepare(node)
  const server = node.startInNetwork(process.execPath, join(import.meta.dirname, 'api-server.ts'), meant.NODE)
  t.after(() => server.kill())
  let told = ''
  server.stdout?.on('data', (chunk) => (told += chunk))
  const hasTold = (words: RegExp) => eventually(`the API server tells ${words}`, () => words.test(told) || undefined)
  await hasTold(/^ready$/m)
  await eventually(
    'systemd has started',
    () => /running|degraded/.test(node.try('systemctl is-system-running').output) || undefined,
    60_000,
  )
  assert.deepEqual(
    pages()
      .filter((page) => blocksOf(page).some(({ kind }) => kind === 'sh node'))
      .toSorted(),
    [...order, ...then].toSorted(),
  )

  /** Runs the blocks of a page up to the one with `last` in it; answers what the last one said. */
  const positions = new Map<string, number>()
  const follow = (page: string, last?: string): string => {
    const blocks = blocksOf(page)
    for (let at = positions.get(page) ?? 0; at < blocks.length; at++) {
      positions.set(page, at + 1)
      const { kind, line, text } = blocks[at] ?? assert.fail()
      const file = kind === 'toml berth' ? '/etc/berth/config.toml' : '/var/lib/kubelet/config.yaml'
      if (kind === 'toml berth') node.run(`printf %s ${quoted(text)} >>${file}`)
      if (kind === 'yaml' && text.startsWith('containerRuntimeEndpoint'))
        node.run(`printf %s ${quoted(text)} >>${file}`)
      if (kind !== 'sh node') continue
      const commands = text.replaceAll(/\b(NODE|IMAGE|POD|CONTAINER)\b/g, (word) => meant[word as keyof typeof meant])
      // It would be that of the machine which runs the tests.
      if (commands.includes('swapoff')) assert.equal(readFileSync('/proc/swaps', 'utf8').trim().split('\n').length, 1)
      const { exitCode, output } = node.try(`cd /root/checkout && bash -euxc ${quoted(commands)}`)
      assert.equal(exitCode, 0, `${page}, line ${line}:\n${output}`)
      if (last !== undefined && text.includes(last)) return output
    }
    assert.equal(last, undefined, `${page} has no ${last}`)
    return ''
  }
  const isActive = (unit: string) => node.try(`systemctl is-active ${unit}`).output.trim()

  await t.test('docs/from-containerd.md', async () => {
    const page = 'docs/from-containerd.md'
    await loadImages(node)
    assert.equal(node.run('grep cgroupDriver /var/lib/kubelet/config.yaml').trim(), 'cgroupDriver: cgroupfs')
    follow(page, 'berth load images.tar')
    assert.match(node.run('berth images'), /localhost\/berth\/hello/)
    node.run(`berth -r ${containerd} run -f /root/old.yaml`)
    assert.match(
      node.run(`berth -r ${containerd} trace old 2>&1`),
      /^containerd-shim.*\n[^]*─ main +\d+ +1 +0 +sleep 3600$/m,
    )
    follow(page, 'kubectl drain')
    await hasTold(/"unschedulable":true\}\}\n$/)
    assert.equal(isActive('kubelet'), 'inactive')
    assert.match(follow(page, 'rmp -fa'), /Ready +old /)
    assert.doesNotMatch(node.run(`berth -r ${containerd} pods`), /old/)
    follow(page, 'kubectl annotate')
    await hasTold(/cri-socket":"unix:\/\/\/run\/berth\/berth\.sock"/)
    follow(page, 'kubectl uncordon')
    await hasTold(/"spec":\{("unschedulable":(null|false))?\}\}\n$/)
    assert.deepEqual(['containerd', 'kubelet', 'berth'].map(isActive), ['inactive', 'active', 'active'])
    assert.match(node.run('crictl version'), /berth/)
    follow(page)
    assert.deepEqual(['containerd', 'kubelet', 'berth'].map(isActive), ['active', 'active', 'inactive'])
    assert.equal(node.try('command -v berth').exitCode, 127)
    node.run('systemctl disable --now containerd && rm -f /etc/cni/net.d/* /etc/crictl.yaml')
  })

  for (const page of order.slice(1)) await t.test(page, () => void follow(page))

  await t.test('docs/troubleshooting.md', async () => {
    node.run('berth load /root/hello && systemctl enable --now berth-agent')
    node.run('berth apply -f /root/again.yaml')
    await eventually('it has run twice', () => node.try('berth logs -p again/main').exitCode === 0 || undefined, 20_000)
    follow('docs/troubleshooting.md')
    node.run('berth delete again && systemctl disable --now berth-agent && berth rmp -fa')
  })

  await t.test('docs/kubeadm.md', () => {
    assert.match(follow('docs/kubeadm.md', 'berth runtime-config'), /systemd/i)
    follow('docs/kubeadm.md')
  })
})

/** A pod of the image that is there. */
const podOf = (name: string, script: string) => `apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  containers:
    - { name: main, image: '${meant.IMAGE}', imagePullPolicy: Never, command: [sh, -c, '${script}'] }
`

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

/** What a node has before its runtime is changed. */
function prepare(node: FreshRoot): void {
  const put = (path: string, text: string, mode = 0o644) => {
    mkdirSync(join(node.folder, path, '..'), { recursive: true })
    writeFileSync(join(node.folder, path), text, { mode })
  }
  put('/etc/apt/apt.conf.d/50yes', 'APT::Get::Assume-Yes "true";\n')
  put(
    '/etc/systemd/system/kubelet.service',
    '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n',
  )
  put('/etc/systemd/system/multi-user.target.wants/kubelet.service', '[Service]\nExecStart=/bin/sleep infinity\n')
  put('/var/lib/kubelet/config.yaml', 'kind: KubeletConfiguration\ncgroupDriver: cgroupfs\n')
  put('/root/old.yaml', podOf('old', 'sleep 3600'))
  put('/root/again.yaml', podOf(meant.POD, 'echo away; exit 1'))
  put('/root/.kube/config', JSON.stringify(kubeconfig))
  const crictl = process.env.BERTH_TESTS_CRICTL
  if (crictl) cpSync(crictl, join(node.folder, 'usr/bin/crictl'))
  else put('/usr/bin/crictl', '#!/bin/sh\nexec berth "$@"\n', 0o755)
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
  put(`/lib/modules/${kernel}/modules.builtin`, 'kernel/fs/overlayfs/overlay.ko\nkernel/net/bridge/br_netfilter.ko\n')
  node.run('depmod -a')
  // Without CAP_SYS_RESOURCE no score can be lowered; and there is no registry for the image of its pause processes.
  const cri = '[plugins."io.containerd.grpc.v1.cri"]'
  const config = join(node.folder, 'etc/containerd/config.toml')
  writeFileSync(
    config,
    readFileSync(config, 'utf8').replace(
      cri,
      `${cri}\n    restrict_oom_score_adj = true\n    sandbox_image = "${pauseImage}"`,
    ),
  )
  cpSync(join(repository, 'packaging/examples/10-berth.conflist'), join(node.folder, 'etc/cni/net.d/10-pods.conflist'))
}

const kubeconfig = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:8080' } }],
  contexts: [{ name: 'c', context: { cluster: 'c', user: '' } }],
  'current-context': 'c',
}

/** Puts the image of the pods, and one for their pause process, into containerd. */
async function loadImages(node: FreshRoot): Promise<void> {
  node.run('systemctl restart containerd')
  await provideHelloImage(node)
  const pause = join(node.folder, 'root/pause')
  mkdirSync(pause)
  writeLayout(pause, pauseImage, busyboxImage({ Cmd: ['/bin/sleep', '3600'] }))
  for (const name of ['hello', 'pause']) node.run(`tar -C /root/${name} -cf - . | ctr -n k8s.io images import -`)
}
