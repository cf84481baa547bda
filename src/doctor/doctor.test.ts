import assert from 'node:assert/strict'
import { mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { diagnose } from './diagnose.ts'
import { fixAll } from './fix.ts'
import { reportOf, summaryOf } from './report.ts'
import { folderMachine, type FolderMachineOptions, today } from './testing/folder-machine.ts'

const registry = 'docker.io'

/** What is not well on this node, as `status check: found`. */
async function troubles(options: FolderMachineOptions): Promise<string[]> {
  using machine = folderMachine(options)
  const diagnoses = await diagnose({ machine, registry })
  for (const { status, why, mend } of diagnoses) assert.equal(status === 'ok', why === undefined && mend === undefined)
  return diagnoses
    .filter(({ status }) => status !== 'ok')
    .map(({ status, check, found }) => `${status} ${check}: ${found}`)
}

test('a healthy node has nothing', async () => {
  assert.deepEqual(await troubles({}), [])
})

const cases: readonly (readonly [string, FolderMachineOptions, RegExp])[] = [
  ['an old kernel', { release: '5.4.0-42' }, /^broken kernel: Linux 5\.4/],
  ['no overlay', { files: { '/proc/filesystems': '\text4\n' } }, /^broken overlay:/],
  ['no namespaces', { files: { '/proc/self/ns/net': undefined } }, /^broken namespaces: .* net /],
  ['no user namespaces', { files: { '/proc/sys/user/max_user_namespaces': '0' } }, /^warning namespaces/],
  ['no seccomp', { files: { '/proc/self/status': 'Name: x\n' } }, /^warning seccomp/],
  ['not root', { isRoot: false }, /^broken rights/],
  ['no cgroups', { files: { '/proc/self/mountinfo': '' } }, /^broken cgroups: no cgroups are mounted/],
  [
    'a memory controller that is off',
    { files: { '/sys/fs/cgroup/cgroup.controllers': 'cpu pids' } },
    /^broken cgroups: version 2.*without memory/,
  ],
  [
    'cgroups of version 1',
    {
      files: {
        '/proc/self/mountinfo': ['cpu', 'memory', 'pids']
          .map((name, n) => `3${n} 23 0:3${n} / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}\n`)
          .join(''),
      },
    },
    /^warning cgroups: version 1, with cpu, memory, pids/,
  ],
  [
    'a kubelet with another cgroup driver',
    { files: { '/var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\ncgroupDriver: systemd\n' } },
    /^broken cgroup driver: cgroupfs; the kubelet has systemd/,
  ],
  ['no runc', { programs: { '/usr/sbin/runc': undefined } }, /^broken OCI runtime runc/],
  [
    'a runc that does not run',
    { runs: { 'runc features': { exitCode: 127 }, 'runc --version': { exitCode: 127, stderr: 'no libseccomp.so.2' } } },
    /^broken OCI runtime runc: .*no libseccomp/,
  ],
  [
    'no CNI configuration',
    { files: { '/etc/cni/net.d/10-pods.conflist': undefined } },
    /^broken CNI network: no valid/,
  ],
  [
    'a CNI configuration that is none',
    { files: { '/etc/cni/net.d/10-pods.conflist': '{' } },
    /^broken CNI network: .*10-pods/,
  ],
  [
    'a plugin that is not there',
    { programs: { '/opt/cni/bin/portmap': undefined } },
    /^broken CNI plugins: portmap is in none/,
  ],
  [
    'an IPAM plugin that is not there',
    { programs: { '/opt/cni/bin/host-local': undefined } },
    /^broken CNI plugins: host-local/,
  ],
  ['no iptables', { programs: { '/usr/sbin/iptables': undefined } }, /^broken iptables/],
  [
    'iptables without a kernel for it',
    { runs: { 'iptables -w 2 -t nat -S POSTROUTING': { exitCode: 3, stderr: "can't initialize table nat" } } },
    /^broken iptables: .*can't initialize/,
  ],
  ['no forwarding', { files: { '/proc/sys/net/ipv4/ip_forward': '0' } }, /^broken IP forwarding/],
  [
    'bridges without a filter',
    { files: { '/proc/sys/net/bridge/bridge-nf-call-iptables': undefined } },
    /^warning bridge filter/,
  ],
  [
    'swap',
    { files: { '/proc/swaps': 'Filename\tType\n/dev/sda2 partition 1 0 -2\n' } },
    /^warning swap: in use: \/dev\/sda2$/,
  ],
  ['a disk that is nearly full', { fileSystem: { freeBytes: 2 ** 29 } }, /^warning disk of images/],
  ['a full disk', { fileSystem: { freeBytes: 0 } }, /^broken disk of images/],
  ['no inodes', { fileSystem: { freeInodes: 1 } }, /^broken disk of images|^warning disk of images/],
  ['images on an overlay', { fileSystem: { type: 0x794c7630 } }, /^broken disk of images: .*overlay/],
  ['few inotify instances', { files: { '/proc/sys/fs/inotify/max_user_instances': '128' } }, /^warning inotify/],
  ['few pids', { files: { '/proc/sys/kernel/pid_max': '32768' } }, /^warning process ids/],
  [
    'AppArmor without its program',
    { files: { '/sys/module/apparmor/parameters/enabled': 'Y\n' } },
    /^warning AppArmor/,
  ],
  ['SELinux without a policy for containers', { files: { '/sys/fs/selinux/enforce': '1' } }, /^broken SELinux/],
  ['a clock in the past', { now: Date.UTC(1970, 0, 1) }, /^broken clock: it says 1970/],
  [
    'a clock that goes wrong',
    { answer: () => ({ status: 200, date: today + 3_600_000 }) },
    /^broken clock: .* 60 minutes off/,
  ],
  [
    'a hosts.toml that cannot be read',
    { files: { '/etc/berth/certs.d/docker.io/hosts.toml': 'server = \n' } },
    /^broken registry: .*docker\.io\/hosts\.toml cannot be used/,
  ],
  ['a registry that is ill', { answer: () => ({ status: 503 }) }, /^warning registry: .*registry-1\.docker\.io.*503/],
]

for (const [name, options, expected] of cases) {
  test(`it finds ${name}`, async () => {
    const found = await troubles(options)
    assert.ok(
      found.some((line) => expected.test(line)),
      found.join('\n'),
    )
  })
}

const ofDockerHub = '/etc/berth/certs.d/docker.io/hosts.toml'
const asked: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ['the registry itself', {}, 'https://registry-1.docker.io/v2/'],
  ['a mirror', { [ofDockerHub]: '[host."http://127.0.0.1:5000"]\n' }, 'http://127.0.0.1:5000/v2/'],
  ['a mirror with a path', { [ofDockerHub]: '[host."https://m.example/hub/"]\n' }, 'https://m.example/hub/v2/'],
  [
    'a mirror whose path is the whole',
    { [ofDockerHub]: '[host."https://m.example/hub"]\noverride_path = true\n' },
    'https://m.example/hub/',
  ],
  [
    'the server that hosts.toml names',
    { [ofDockerHub]: 'server = "https://hub.example"\n' },
    'https://hub.example/v2/',
  ],
  ["Docker Hub's API", { [ofDockerHub]: 'server = "https://docker.io"\n' }, 'https://registry-1.docker.io/v2/'],
  [
    'what stands for all registries',
    { '/etc/containerd/certs.d/_default/hosts.toml': '[host."https://all.example"]\n' },
    'https://all.example/v2/',
  ],
]

for (const [what, files, url] of asked) {
  test(`whether images can be pulled is asked of ${what}`, async () => {
    const urls: string[] = []
    const answer = (url: string) => {
      urls.push(url)
      return { status: 200 }
    }
    assert.deepEqual(await troubles({ files, answer }), [])
    assert.deepEqual(urls, [url])
  })
}

test('without a registry nobody is asked', async () => {
  const answer = () => assert.fail('asked')
  using machine = folderMachine({ answer })
  const diagnoses = await diagnose({ machine })
  assert.ok(!diagnoses.some(({ check }) => check === 'registry'))
})

test('the configuration of berthd is checked, and looked at', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-doctor-'))
  const configFile = join(folder.path, 'config.toml')
  using machine = folderMachine()
  const found = async () => (await diagnose({ machine, configFile })).filter(({ status }) => status !== 'ok')
  writeFileSync(configFile, 'cgroup_driver = "systemd"\n')
  assert.deepEqual(
    (await found()).map(({ check }) => check),
    ['cgroup driver'],
  )
  writeFileSync(configFile, 'rooot = "/"\n')
  assert.match((await found())[0]?.found ?? '', /rooot/)
})

test('the disks are those of the berthd that runs, whatever the file says', async () => {
  using machine = folderMachine()
  const disks = async (folders: object) =>
    (await diagnose({ machine, folders })).filter(({ check }) => check.startsWith('disk of')).map(({ found }) => found)
  const own = await disks({ root: '/mine/lib', state: '/mine/run' })
  assert.deepEqual(
    own.map((found) => found.split(':')[0]),
    ['/mine/lib', '/mine/run'],
  )
  assert.match((await disks({})).join(), /^\/var\/lib\/berth:.*,\/run\/berth:/)
})

test('what is safe to mend is mended, and the rest is left', async () => {
  using machine = folderMachine({
    files: {
      '/proc/sys/net/ipv4/ip_forward': '0',
      '/proc/filesystems': '\text4\n',
      '/proc/swaps': 'Filename\n/dev/sda2 x\n',
    },
    runs: { 'modprobe overlay': { exitCode: 1, stderr: 'FATAL: no such module' } },
  })
  const outcomes = await fixAll(await diagnose({ machine }))
  assert.deepEqual(outcomes, [
    { check: 'overlay', failure: 'modprobe overlay ended with 1: FATAL: no such module' },
    { check: 'IP forwarding' },
  ])
  const after = await diagnose({ machine })
  assert.deepEqual(
    after.filter(({ status }) => status !== 'ok').map(({ check }) => check),
    ['overlay', 'swap'],
  )
})

test('a report has the why and the command below what is not well', async () => {
  using machine = folderMachine({ files: { '/proc/swaps': 'Filename\n/dev/sda2 x\n' } })
  const diagnoses = await diagnose({ machine })
  const lines = reportOf(diagnoses).split('\n')
  const at = lines.findIndex((line) => line.startsWith('WARNING'))
  assert.match(lines[at] ?? '', /^WARNING {2}swap +in use: \/dev\/sda2$/)
  assert.match(lines[at + 1] ?? '', /^ +why +a kubelet/)
  assert.match(lines[at + 2] ?? '', /^ +mend +swapoff -a/)
  assert.match(summaryOf(diagnoses), /^\d+ OK, 1 warning, 0 broken$/)
})
