import assert from 'node:assert/strict'
import {
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ContainerConfig,
  ContainerConfigSchema,
  LinuxContainerConfigSchema,
  LinuxContainerSecurityContextSchema,
  NamespaceMode,
  NamespaceOptionSchema,
  PodSandboxConfigSchema,
  SecurityProfile_ProfileType,
} from '../../src/gen/cri_pb.ts'
import { newId } from '../../src/lib/ids.ts'
import { memfd } from '../../src/linux/command.ts'
import { makeFifo, openFifoForContainer, openFifoForReading } from '../../src/linux/fifo.ts'
import { pinNamespaces, setHostname } from '../../src/linux/namespaces.ts'
import { mountTmpfs, unmount } from '../../src/linux/mount.ts'
import { Reaper } from '../../src/linux/reaper.ts'
import { becomeSubreaper } from '../../src/linux/subreaper.ts'
import { writeBundle } from '../../src/oci/bundle.ts'
import { containerSpec, type SpecRequest } from '../../src/oci/container-spec.ts'
import { probeHostFacts } from '../../src/oci/host-facts.ts'
import { OciRuntime, type RuntimeStdio } from '../../src/oci/runtime.ts'
import type { Spec } from '../../src/oci/runtime-spec.ts'
import { execProcess } from '../../src/oci/spec/exec.ts'
import { takeMachine } from '../harness/machine-lock.ts'

/*
 * The generated config.json under a real runc: what the process in the container sees of it, and that nothing is left.
 * This process is the parent of the containers, as the shim is; it starts no process by node:child_process.
 */

await takeMachine()
becomeSubreaper()
const reaper = new Reaper({ adopt: true })
const folder = mkdtempSync(join(tmpdir(), 'berth-oci-'))
const parent = `/berth-test-oci-${process.pid}`
const rootfs = join(folder, 'rootfs')
const paths = {
  netns: join(folder, 'net'),
  ipcns: join(folder, 'ipc'),
  utsns: join(folder, 'uts'),
  shm: join(folder, 'shm'),
  hosts: join(folder, 'hosts'),
  resolvConf: join(folder, 'resolv.conf'),
  hostname: join(folder, 'hostname'),
}
const runtime = new OciRuntime({ name: 'runc', path: '/usr/sbin/runc', root: join(folder, 'runc'), reaper })

makeRootfs()
makePod()

after(() => {
  for (const path of [paths.netns, paths.ipcns, paths.utsns, paths.shm]) unmount(path)
  for (const cgroup of cgroups()) rmdirSync(cgroup)
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder), 'no mount is left')
  rmSync(folder, { recursive: true })
  reaper[Symbol.dispose]()
})

function makeRootfs(): void {
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'home']) {
    mkdirSync(join(rootfs, name), { recursive: true })
  }
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  for (const applet of [
    'sh',
    'echo',
    'cat',
    'id',
    'sleep',
    'env',
    'pwd',
    'ls',
    'hostname',
    'touch',
    'grep',
    'mknod',
    'head',
    'rm',
    'mkdir',
  ]) {
    symlinkSync('busybox', join(rootfs, 'bin', applet))
  }
  writeFileSync(join(rootfs, 'bin/not-executable'), 'no program', { mode: 0o644 })
  writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nbob:x:1000:1001::/home:/bin/sh\n')
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nbob:x:1001:\nvideo:x:44:bob,root\n')
}

function makePod(): void {
  mkdirSync(paths.shm)
  mountTmpfs(paths.shm, 64 * 1024 * 1024)
  writeFileSync(paths.hosts, '127.0.0.1 localhost\n')
  writeFileSync(paths.resolvConf, 'nameserver 192.0.2.53\n')
  writeFileSync(paths.hostname, 'pod-host\n')
  const { netns: net, ipcns: ipc, utsns: uts } = paths
  pinNamespaces({ net, ipc, uts }, () => setHostname('pod-host'))
}

type Config = Exclude<MessageInitShape<typeof ContainerConfigSchema>, ContainerConfig>

async function specFor(id: string, config: Config, more: Partial<SpecRequest> = {}): Promise<Spec> {
  const container = create(ContainerConfigSchema, { metadata: { name: 'main' }, ...config })
  container.linux ??= create(LinuxContainerConfigSchema)
  container.linux.securityContext ??= create(LinuxContainerSecurityContextSchema)
  container.linux.securityContext.namespaceOptions ??= create(NamespaceOptionSchema, { pid: NamespaceMode.CONTAINER })
  const request: SpecRequest = {
    container,
    sandbox: create(PodSandboxConfigSchema, {
      metadata: { name: 'pod', namespace: 'test', uid: 'u1' },
      hostname: 'pod-host',
      linux: { securityContext: { privileged: true } },
    }),
    image: {
      name: 'test/busybox',
      entrypoint: [],
      cmd: ['sh'],
      env: ['FROM=image'],
      workingDir: '',
      user: '',
      stopSignal: '',
      labels: {},
    },
    containerId: id,
    sandboxId: 'sandbox',
    rootfsPath: rootfs,
    sandboxPaths: paths,
    cgroupsPath: `${parent}/${id}`,
    host: probeHostFacts(),
    ...more,
  }
  return (await containerSpec(request)).spec
}

interface Output {
  readonly stdio: RuntimeStdio
  read(): string
  close(): void
}

/** Anonymous files for stdout and stderr; the offset is shared with the container, so reading names its position. */
function output(): Output {
  const fds = { stdin: memfd('stdin'), stdout: memfd('stdout'), stderr: memfd('stderr') }
  const text = (fd: number) => {
    const buffer = Buffer.alloc(65536)
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0))
  }
  return {
    stdio: fds,
    read: () => text(fds.stdout) + text(fds.stderr),
    close: () => Object.values(fds).forEach((fd) => closeSync(fd)),
  }
}

function files(id: string) {
  const bundle = join(folder, id)
  return { bundle, pidFile: join(bundle, 'pid'), logFile: join(bundle, 'log.json') }
}

/** Runs a container to its end; answers what it wrote and its exit code. It is deleted, also on failure. */
async function runToEnd(config: Config, more?: Partial<SpecRequest>): Promise<{ exitCode: number; text: string }> {
  const id = newId()
  const out = output()
  try {
    writeBundle(files(id).bundle, await specFor(id, config, more))
    const since = reaper.mark()
    const { pid } = await runtime.run({ id, ...files(id), stdio: out.stdio })
    const { exitCode } = await reaper.wait(pid, since)
    return { exitCode, text: out.read() }
  } finally {
    await runtime.delete({ id, force: true })
    out.close()
    assert.ok(!cgroups().some((path) => path.includes(id)), 'the cgroup is gone')
    assert.ok(!existsSync(join(folder, 'runc', id)), "the runtime's state is gone")
  }
}

const shell = (script: string): Config => ({ command: ['sh', '-c', script] })

/** The folders of this test's cgroups, deepest first, in every hierarchy. */
function cgroups(): string[] {
  const below = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [...below(join(path, entry.name)), join(path, entry.name)])
  const hierarchies = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)]
  return hierarchies
    .map((path) => path + parent)
    .filter(existsSync)
    .flatMap((path) => [...below(path), path])
}

test('a container over named pipes: its output, its exit code, an exec in it, its end', async () => {
  const id = newId()
  const { bundle } = files(id)
  writeBundle(bundle, await specFor(id, shell('echo hello; read line; echo got $line >&2; exit 7')))
  const fifo = (name: string) => {
    makeFifo(join(bundle, name))
    return join(bundle, name)
  }
  const names = { stdin: fifo('stdin'), stdout: fifo('stdout'), stderr: fifo('stderr') }
  const readers = { stdout: openFifoForReading(names.stdout), stderr: openFifoForReading(names.stderr) }
  const stdio = {
    stdin: openFifoForContainer(names.stdin),
    stdout: openFifoForContainer(names.stdout),
    stderr: openFifoForContainer(names.stderr),
  }
  const before = reaper.mark()
  const { pid } = await runtime.run({ id, ...files(id), stdio })
  const ended = reaper.wait(pid, before)
  const state = await runtime.state({ id })
  assert.deepEqual([state.status, state.pid], ['running', pid])
  assert.match(
    readFileSync(`/proc/${pid}/stat`, 'utf8'),
    new RegExp(`^${pid} \\(sh\\) \\S ${process.pid} `),
    'our child',
  )

  const out = output()
  const process_ = execProcess((await specFor(id, shell(''))).process, ['sh', '-c', 'echo in $HOSTNAME; exit 3'], false)
  writeFileSync(join(bundle, 'exec.json'), JSON.stringify(process_))
  const execFiles = { processFile: join(bundle, 'exec.json'), pidFile: join(bundle, 'exec.pid') }
  const since = reaper.mark()
  const exec = await runtime.exec({ id, ...execFiles, logFile: files(id).logFile, stdio: out.stdio })
  assert.equal((await reaper.wait(exec.pid, since)).exitCode, 3)
  assert.equal(out.read(), 'in pod-host\n')
  out.close()

  await assert.rejects(execMissing(id), /executable file not found in \$PATH/)
  writeFileSync(stdio.stdin, 'a word\n')
  assert.deepEqual(await ended, { exitCode: 7, signal: 0 })
  assert.equal(readAll(readers.stdout), 'hello\n')
  assert.equal(readAll(readers.stderr), 'got a word\n')
  assert.equal(await runtime.kill({ id, signal: 'SIGKILL' }), false, 'nothing to kill any more')
  await runtime.delete({ id })
  await runtime.delete({ id })
  await runtime.delete({ id, force: true })
  await assert.rejects(runtime.state({ id }), { code: 'not-found' })
  for (const fd of [...Object.values(stdio), ...Object.values(readers)]) closeSync(fd)
})

async function execMissing(id: string): Promise<void> {
  const out = output()
  const { bundle, logFile } = files(id)
  const process_ = execProcess((await specFor(id, shell(''))).process, ['nope'], false)
  writeFileSync(join(bundle, 'missing.json'), JSON.stringify(process_))
  try {
    await runtime.exec({
      id,
      processFile: join(bundle, 'missing.json'),
      pidFile: join(bundle, 'missing.pid'),
      logFile,
      stdio: out.stdio,
    })
  } finally {
    out.close()
  }
}

function readAll(fd: number): string {
  const buffer = Buffer.alloc(65536)
  return buffer.toString('utf8', 0, readSync(fd, buffer))
}

test('what cannot be started says why, and leaves nothing', async () => {
  await assert.rejects(runToEnd({ command: ['nope'] }), {
    code: 'invalid-argument',
    message: /^runc run failed: exec: "nope": executable file not found in \$PATH; the image has no such program/,
  })
  await assert.rejects(runToEnd({ command: ['/no/such/file'] }), {
    code: 'invalid-argument',
    message: /no such file or directory; the image has no such program/,
  })
  await assert.rejects(runToEnd({ command: ['/bin/not-executable'] }), {
    code: 'invalid-argument',
    message: /permission denied; the program is not executable/,
  })
  const missing = new OciRuntime({ name: 'runc', path: '/no/runc', root: join(folder, 'runc'), reaper })
  await assert.rejects(missing.features(), { code: 'failed-precondition', message: /\/no\/runc.*apt install runc/ })
  await assert.rejects(runtime.state({ id: 'unknown' }), { code: 'not-found' })
})

test('a runtime whose caller gave up is killed', async () => {
  const id = newId()
  writeBundle(files(id).bundle, await specFor(id, shell('sleep 100')))
  const given = AbortSignal.abort(new Error('too late'))
  const out = output()
  await assert.rejects(runtime.run({ id, ...files(id), stdio: out.stdio, signal: given }), { code: 'cancelled' })
  out.close()
  const path = join(folder, 'slow')
  writeFileSync(path, '#!/bin/sh\nsleep 100\n', { mode: 0o755 })
  const slow = new OciRuntime({ name: 'slow', path, root: folder, args: [], reaper })
  await assert.rejects(slow.features(AbortSignal.timeout(1)), { code: 'cancelled' })
})

test('the process sees its user, groups, environment, files and host name', async () => {
  const { text, exitCode } = await runToEnd({
    ...shell(
      'id; pwd; hostname; echo $FROM $OWN; cat /etc/hostname /etc/resolv.conf; touch /dev/shm/x && echo shm; cat /mnt/a/f',
    ),
    envs: [{ key: 'OWN', value: Buffer.from('two\nlines') }],
    workingDir: '/new/folder',
    mounts: [{ containerPath: '/mnt/../mnt/a', hostPath: hostFolder(), readonly: true }],
    linux: { securityContext: { runAsUsername: 'bob', supplementalGroups: [5n] } },
  })
  assert.equal(exitCode, 0, text)
  assert.match(text, /^uid=1000\(bob\) gid=1001\(bob\) groups=5,44\(video\),1001\(bob\)\n/)
  assert.match(text, /\n\/new\/folder\npod-host\nimage two lines\npod-host\nnameserver 192.0.2.53\nshm\nof the host\n$/)
})

function hostFolder(): string {
  const path = join(folder, 'volume')
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'f'), 'of the host\n')
  chownSync(path, 1000, 1000)
  return path
}

test('capabilities, no_new_privs, seccomp and read-only places reach the kernel', async () => {
  const status = 'grep -E "^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status'
  const plain = await runToEnd(shell(`${status}; touch /sys/x 2>&1; touch /f && echo written`))
  assert.match(
    plain.text,
    /CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0+\nNoNewPrivs:\t0\nSeccomp:\t0\n/,
  )
  assert.match(plain.text, /Read-only file system\nwritten\n$/)
  const confined = await runToEnd({
    ...shell(`${status}; touch /f 2>&1`),
    linux: {
      securityContext: {
        capabilities: {
          dropCapabilities: ['ALL'],
          addCapabilities: ['NET_ADMIN'],
          addAmbientCapabilities: ['NET_RAW'],
        },
        noNewPrivs: true,
        readonlyRootfs: true,
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
        runAsUser: { value: 12345n },
      },
    },
  })
  assert.match(confined.text, /CapEff:\t0+2000\nCapBnd:\t0+3000\nCapAmb:\t0+2000\nNoNewPrivs:\t1\nSeccomp:\t2\n/)
  assert.match(confined.text, /touch: \/f: Read-only file system\n$/)
})

test('a privileged container has all devices, capabilities and a writable /sys', async () => {
  const { text } = await runToEnd({
    ...shell('grep CapEff /proc/self/status; grep " /sys sysfs" /proc/mounts; ls /dev'),
    linux: { securityContext: { privileged: true } },
  })
  const own = /^CapEff:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[0]
  assert.ok(own && text.includes(own), text)
  assert.match(text, /sysfs rw,/)
  for (const name of readdirSync('/dev').filter((entry) => /^(kmsg|vd[a-z]|loop0|fuse)$/.test(entry))) {
    assert.ok(text.split('\n').includes(name), `${name} in ${text}`)
  }
})

test('limits are in the cgroup that was asked for', async () => {
  const { text } = await runToEnd({
    ...shell(
      'cat /proc/self/cgroup; cd /sys/fs/cgroup; cat memory.max memory/memory.limit_in_bytes 2>/dev/null; cat /proc/self/oom_score_adj',
    ),
    linux: {
      resources: {
        memoryLimitInBytes: 64n << 20n,
        cpuShares: 512n,
        cpuQuota: 50000n,
        cpuPeriod: 100000n,
        oomScoreAdj: -998n,
      },
    },
  })
  assert.match(text, new RegExp(`memory:.*${parent}/[0-9a-f]{64}\n|0::${parent}/[0-9a-f]{64}\n|0::/\n`))
  assert.ok(text.includes(`\n${64 << 20}\n`), text)
  const { oomScoreAdj, mayLowerOomScore } = probeHostFacts()
  assert.match(text, new RegExp(`\n${mayLowerOomScore ? -998 : Math.max(oomScoreAdj, -998)}\n$`))
})

test('devices: what was asked for can be used, the rest cannot', async () => {
  const { text } = await runToEnd({
    ...shell('cat /dev/given && echo read; mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem 2>&1; rm /tmp/mem'),
    devices: [{ hostPath: '/dev/null', containerPath: '/dev/given', permissions: 'rw' }],
  })
  assert.match(text, /^read\nhead: \/tmp\/mem: Operation not permitted\n$/)
})

test('mounts: read-only with and without what is below, made where missing, masked', async () => {
  const volume = join(folder, 'tree')
  mkdirSync(join(volume, 'below'), { recursive: true })
  mountTmpfs(join(volume, 'below'), 1024 * 1024)
  try {
    const { text } = await runToEnd({
      ...shell(
        'for d in ro rro new; do touch /$d/x $([ $d = new ] || echo /$d/below/x) 2>&1; done; cat /proc/version /secret',
      ),
      mounts: [
        { containerPath: '/ro', hostPath: volume, readonly: true },
        { containerPath: '/rro', hostPath: volume, readonly: true, recursiveReadOnly: true },
        { containerPath: '/new', hostPath: join(folder, 'made/for/it') },
        { containerPath: '/secret', hostPath: paths.hosts },
      ],
      linux: { securityContext: { maskedPaths: ['/proc/version', '/secret'] } },
    })
    const refused = ['/ro/x', '/rro/x', '/rro/below/x'].map((path) => `touch: ${path}: Read-only file system\n`)
    assert.equal(text, refused.join(''))
    assert.ok(existsSync(join(folder, 'made/for/it/x')))
  } finally {
    unmount(join(volume, 'below'))
  }
})

test('a Localhost seccomp profile', async () => {
  const profile = join(folder, 'seccomp.json')
  const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }))
  const seccomp = { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: profile }
  const { text } = await runToEnd({ ...shell('mkdir /tmp/x 2>&1'), linux: { securityContext: { seccomp } } })
  assert.equal(text, "mkdir: can't create directory '/tmp/x': Function not implemented\n")
})

test("the image's links do not lead out of its root file system", async () => {
  const hostile = mkdtempSync(join(folder, 'hostile-'))
  mkdirSync(join(hostile, 'etc'))
  const user = (name: string) => ({ ...shell(''), linux: { securityContext: { runAsUsername: name } } })
  writeFileSync(join(folder, 'passwd'), 'mallory:x:4711:4711::/:/\n')
  symlinkSync(`../../../../../../../../..${folder}/passwd`, join(hostile, 'etc/passwd'))
  await assert.rejects(specFor('x', user('mallory'), { rootfsPath: hostile }), /"mallory" is not in the \/etc\/passwd/)
  rmSync(join(hostile, 'etc/passwd'))
  makeFifo(join(hostile, 'etc/passwd'))
  await assert.rejects(specFor('x', user('mallory'), { rootfsPath: hostile }), /not a regular file/)
  rmSync(join(hostile, 'etc/passwd'))
  writeFileSync(join(hostile, 'etc/passwd'), Buffer.alloc(1024 * 1024 + 1, 'x'))
  await assert.rejects(specFor('x', user('mallory'), { rootfsPath: hostile }), /larger than/)
  rmSync(join(hostile, 'etc/passwd'))
  symlinkSync('/real', join(hostile, 'etc/passwd'))
  writeFileSync(join(hostile, 'real'), 'mallory:x:12:13::/:/\n')
  assert.deepEqual((await specFor('x', user('mallory'), { rootfsPath: hostile })).process.user, {
    uid: 12,
    gid: 13,
    additionalGids: [13],
  })
})

test('what the runtime can do', async () => {
  const features = await runtime.features()
  assert.ok(features)
  assert.ok(features.namespaces.includes('network') && features.seccomp)
})
