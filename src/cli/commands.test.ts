import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { patiently } from '../lib/testing/patiently.ts'
import { statusError } from '../client/testing/serve.ts'
import { berth } from './testing/berth.ts'
import { a1, b2, container, sandbox, setUp, setUpPod } from './testing/set-up.ts'

test('the walk through a pod: runp, create, start, stop, rm, stopp, rmp', async () => {
  await using set = await setUp()
  assert.deepEqual(await set.berth('runp', set.pod), { code: 0, stdout: `${a1}\n`, stderr: '' })
  assert.equal((await set.berth('create', 'web', set.container, set.pod)).stdout, `${b2}\n`)
  assert.equal((await set.berth('start', b2)).stdout, `${b2}\n`)
  assert.equal((await set.berth('stop', '-t', '5', 'nginx')).stdout, `${b2}\n`)
  assert.equal((await set.berth('rm', 'b2')).code, 0)
  assert.equal((await set.berth('stopp', 'shop/web')).stdout, `Stopped sandbox ${a1}\n`)
  assert.equal((await set.berth('rmp', 'a1')).stdout, `Removed sandbox ${a1}\n`)
  assert.deepEqual(set.runtime.calls, [
    'RunPodSandbox web',
    'CreateContainer nginx',
    'StartContainer nginx',
    'StopContainer nginx 5',
    'RemoveContainer nginx',
    'StopPodSandbox web',
    'RemovePodSandbox web',
  ])
})

test('run with config files pulls, makes the sandbox, creates and starts', async () => {
  await using set = await setUp()
  const { stdout } = await set.berth('run', '--creds', 'me:se:cret', set.container, set.pod)
  assert.equal(stdout, `${b2}\n`)
  assert.equal(
    set.runtime.calls.join(', '),
    [
      'PullImage docker.io/library/nginx:1 as me',
      'RunPodSandbox web',
      'CreateContainer nginx',
      'StartContainer nginx',
    ].join(', '),
  )
  await set.berth('run', '--no-pull', set.container, set.pod)
  assert.equal(set.runtime.calls.filter((call) => call.startsWith('PullImage')).length, 1)
})

test('config files may be YAML and camelCase, env values are text, enums numbers or names', async () => {
  await using set = await setUp()
  const yaml = `
metadata: {name: app}
image: {image: busybox}
envs: [{key: A, value: b}]
logPath: app/0.log
linux: {securityContext: {namespace_options: {pid: 1, network: NODE}}, resources: {cpuShares: 5, cpu_quota: "7"}}
`
  await set.berth('runp', set.pod)
  const { code, stderr } = await set.berth('create', 'web', set.file('c.yaml', yaml), set.pod)
  assert.equal(`${code} ${stderr}`, '0 ')
  const config = set.runtime.containers[0]?.config
  assert.equal(String(Buffer.from(config?.envs[0]?.value ?? [])), 'b')
  assert.equal(config?.logPath, 'app/0.log')
  assert.deepEqual(
    [config?.linux?.securityContext?.namespaceOptions?.pid, config?.linux?.securityContext?.namespaceOptions?.network],
    [1, 2],
  )
  assert.deepEqual([config?.linux?.resources?.cpuShares, config?.linux?.resources?.cpuQuota], [5n, 7n])
})

test('a bad config file is told with its name and field, and nothing is called', async () => {
  await using set = await setUp()
  const runp = async (content: unknown) => (await set.berth('runp', set.file('bad.json', content))).stderr.trim()
  assert.match(await runp({ ...sandbox, log_dir: 'x' }), /bad\.json: unknown field log_dir \(of PodSandboxConfig\)$/)
  assert.match(
    await runp({ ...sandbox, logdirectory: 'x' }),
    /unknown field logdirectory, did you mean log_directory\?$/,
  )
  assert.match(
    await runp({ ...sandbox, linux: { security_context: { run_as: 1 } }, port_mappings: [{ host: 1 }] }),
    /unknown field linux\.security_context\.run_as .*; unknown field port_mappings\[0\]\.host/,
  )
  assert.match(await runp({ ...sandbox, hostname: 5 }), /bad\.json: .*hostname.*expected string/)
  assert.match(await runp({ metadata: { name: 'x' } }), /needs metadata\.name and metadata\.namespace/)
  assert.match(await runp('{'), /bad\.json: /)
  assert.match((await set.berth('runp', '/no/such.json')).stderr, /^berth: there is no file \/no\/such\.json\n$/)
  assert.match((await set.berth('create', 'x', set.file('c.json', { metadata: {} }), set.pod)).stderr, /metadata\.name/)
  assert.deepEqual(set.runtime.calls, [])
})

test('pods and ps as tables, ids and data', async () => {
  await using set = await setUpPod()
  assert.equal(
    (await set.berth('pods')).stdout,
    'POD ID         CREATED          STATE   NAME   NAMESPACE   ATTEMPT   RUNTIME\n' +
      'a10000000000   59 minutes ago   Ready   web    shop        0         (default)\n',
  )
  assert.equal(
    (await set.berth('ps')).stdout,
    'CONTAINER      IMAGE                       CREATED          STATE     NAME    ATTEMPT   POD ID         POD   NAMESPACE\n' +
      'b20000000000   docker.io/library/nginx:1   58 minutes ago   Running   nginx   0         a10000000000   web   shop\n',
  )
  assert.equal((await set.berth('pods', '-q')).stdout, `${a1}\n`)
  assert.match((await set.berth('ps', '--no-trunc')).stdout, new RegExp(b2))
  assert.equal(JSON.parse((await set.berth('ps', '-o', 'json')).stdout).containers[0].state, 'CONTAINER_RUNNING')
  assert.match((await set.berth('pods', '-o', 'yaml')).stdout, /^items:\n {2}- id: a10/)
  assert.match((await set.berth('pods', '-v')).stdout, /Labels:\n\tio\.kubernetes\.pod\.name -> web\n/)
})

test('filters of pods and ps', async () => {
  await using set = await setUpPod()
  const count = async (...args: string[]) => (await set.berth(...args, '-q')).stdout.split('\n').length - 1
  assert.equal(await count('pods', '--name', '^we'), 1)
  assert.equal(await count('pods', '--name', '^eb'), 0)
  assert.equal(await count('pods', '--namespace', 'shop', '--state', 'READY', '--id', 'a1'), 1)
  assert.equal(await count('pods', '--state', 'notready'), 0)
  assert.equal(await count('pods', '--label', 'io.kubernetes.pod.uid=u-1'), 1)
  assert.equal(await count('pods', '--label', 'io.kubernetes.pod.uid=u-2'), 0)
  assert.equal(await count('ps', '--pod', 'web', '--image', 'docker.io/library/nginx:1', '--name', 'nginx'), 1)
  assert.equal(await count('ps', '--pod', 'a1'), 1)
  assert.equal(await count('ps', '--image', 'other'), 0)
  await set.berth('stop', 'nginx')
  assert.equal(await count('ps'), 0)
  assert.equal(await count('ps', '-a'), 1)
  assert.equal(await count('ps', '--latest'), 1)
  assert.equal(await count('ps', '--state', 'exited'), 1)
  assert.match(
    (await set.berth('ps', '--state', 'odd')).stderr,
    /"odd" is not a state; the states are created, running/,
  )
})

test('inspect shows status and info in the shape of crictl', async () => {
  await using set = await setUpPod()
  const one = JSON.parse((await set.berth('inspect', 'nginx')).stdout)
  assert.equal(one.status.state, 'CONTAINER_RUNNING')
  assert.equal(one.status.startedAt, '2026-01-01T23:02:00.000000001Z')
  assert.equal(one.status.finishedAt, '0001-01-01T00:00:00Z')
  assert.deepEqual(one.status.annotations, {})
  const pod = JSON.parse((await set.berth('inspectp', 'web')).stdout)
  assert.equal(pod.status.createdAt, '2026-01-01T23:01:00Z')
  assert.deepEqual([pod.info, pod.note], [{ pid: 7 }, 'plain'])
  const two = await set.berth('inspect', 'nginx', 'nginx', 'none')
  assert.equal(JSON.parse(two.stdout).length, 2)
  assert.equal(two.code, 1)
})

test('images: table, pull with credentials, inspecti and rmi by the beginning of an id', async () => {
  await using set = await setUp()
  assert.match(
    (await set.berth('pull', '--auth', 'bWU=', 'docker.io/library/nginx:1')).stdout,
    /^Image is up to date for sha256:/,
  )
  assert.equal((await set.berth('pull', '--creds', 'me:pw', '--auth', 'x', 'y')).code, 1)
  assert.equal(
    (await set.berth('images')).stdout,
    'IMAGE                     TAG   IMAGE ID        SIZE\ndocker.io/library/nginx   1     646f636b65722   1.5MB\n',
  )
  assert.equal(JSON.parse((await set.berth('inspecti', '646f63')).stdout).status.size, '1495024')
  assert.match((await set.berth('rmi', 'sha256:646f63')).stdout, /^Deleted: sha256:646f63\n$/)
  assert.match((await set.berth('rmi', '646f63')).stderr, /no image has the id or name/)
  assert.deepEqual(set.runtime.calls, [
    'PullImage docker.io/library/nginx:1 as bWU=',
    `RemoveImage sha256:${Buffer.from('docker.io/library/nginx:1').toString('hex').padEnd(64, '0')}`,
  ])
})

test('rmi --prune keeps what is used or pinned', async () => {
  await using set = await setUpPod()
  set.runtime.images = [
    { id: 'sha256:aa', repoTags: ['docker.io/library/nginx:1'] },
    { id: 'sha256:bb', pinned: true },
    { id: 'sha256:cc' },
  ]
  assert.equal((await set.berth('rmi', '--prune')).stdout, 'Deleted: sha256:cc\n')
})

test('what runs is removed only by force', async () => {
  await using set = await setUpPod()
  const rm = await set.berth('rm', 'nginx')
  assert.equal(rm.stderr, 'berth: container "nginx" is running: stop it with berth stop, or give --force\n')
  assert.match(
    (await set.berth('rmp', 'web')).stderr,
    /pod "web" is running: stop it with berth stopp, or give --force/,
  )
  assert.deepEqual(set.runtime.calls, [])
  assert.equal((await set.berth('rm', '-fa')).code, 0)
  assert.equal((await set.berth('rmp', '--force', '--all')).code, 0)
  assert.deepEqual(set.runtime.calls, [
    'StopContainer nginx 0',
    'RemoveContainer nginx',
    'StopPodSandbox web',
    'RemovePodSandbox web',
  ])
})

test('names: the newest attempt is meant, and what could be several is refused', async () => {
  await using set = await setUpPod()
  await set.berth('stop', 'nginx')
  const again = set.file('again.json', { ...container, metadata: { name: 'nginx', attempt: 1 } })
  const { stdout } = await set.berth('create', 'web', again, set.pod)
  assert.equal(JSON.parse((await set.berth('inspect', 'web/nginx')).stdout).status.id, stdout.trim())
  const other = { ...sandbox, metadata: { ...sandbox.metadata, namespace: 'test', uid: 'u-2' } }
  await set.berth('runp', set.file('other.json', other))
  const { code, stderr } = await set.berth('inspectp', 'web')
  assert.equal(code, 1)
  assert.match(stderr, /"web" could be any of 2 pods: a1\w+ \(shop\/web\), a4\w+ \(test\/web\); write more of the id/)
  assert.match((await set.berth('inspect', 'b')).stderr, /could be any of 2 containers/)
  assert.equal((await set.berth('inspectp', 'test/web')).code, 0)
  assert.match(
    (await set.berth('stopp', 'none')).stderr,
    /no pod has the id or name "none"; berth pods shows what there is/,
  )
})

test('containers without the labels of the kubelet are known by their sandbox', async () => {
  await using set = await setUpPod()
  await set.berth(
    'create',
    'web',
    set.file('bare.json', { ...container, metadata: { name: 'bare' }, labels: {} }),
    set.pod,
  )
  assert.match(
    (await set.berth('ps', '-a', '--pod', 'web', '--namespace', '^shop$', '--name', 'bare')).stdout,
    / web {3}shop\n$/,
  )
  assert.equal((await set.berth('inspect', 'shop/web/bare')).code, 0)
})

test('several ids: what fails does not stop the others', async () => {
  await using set = await setUpPod()
  const { code, stdout, stderr } = await set.berth('stop', 'none', 'nginx')
  assert.deepEqual([code, stdout], [1, `${b2}\n`])
  assert.match(stderr, /^berth: no container has the id or name "none".*\n$/)
})

test("exec gives the command's output and exit code, and leaves its options alone", async () => {
  const seen: unknown[] = []
  await using set = await setUp({
    runtime: {
      execSync: ({ containerId, cmd, timeout }) => {
        seen.push(containerId, cmd, timeout)
        if (cmd[0] === 'nosuch')
          throw statusError('INVALID_ARGUMENT', 'exec: "nosuch": executable file not found in $PATH')
        return { stdout: Buffer.from('out'), stderr: Buffer.from('err'), exitCode: 3 }
      },
    },
  })
  const outcome = await set.berth('exec', '--timeout', '9', b2, 'ls', '-t', '--sync', '-i')
  assert.deepEqual(outcome, { code: 3, stdout: 'out', stderr: 'err' })
  assert.deepEqual(seen, [b2, ['ls', '-t', '--sync', '-i'], 9n])
  assert.match((await set.berth('exec', '-s', '-it', b2, 'sh')).stderr, /go with neither -i nor -t/)
  const { code, stderr } = await set.berth('exec', '-s', b2, 'nosuch')
  assert.deepEqual([code, stderr], [127, 'berth: cannot run "nosuch": the container has no such program in its PATH\n'])
  await set.berth('exec', '--timeout', '1m0.5s', b2, 'ls')
  assert.equal(seen.at(-1), 61n, 'a duration, in whole seconds')
})

test('exec, logs and inspect take a pod with one container for it; what changes things does not', async () => {
  await using set = await setUpPod()
  const asked: (readonly string[])[] = []
  set.runtime.execs.set('nginx', (command) => asked.push(command) - 1)
  assert.match((await set.berth('inspect', 'shop/web')).stdout, /"name": "nginx"/)
  assert.equal((await set.berth('exec', '--sync', 'web', '--', 'ls', '--', '-l')).code, 0)
  assert.deepEqual(asked, [['ls', '--', '-l']], 'the first -- ends the options, as with kubectl')
  assert.match((await set.berth('exec', 'web', '--')).stderr, /say which command to run/)
  assert.match(
    (await set.berth('rm', '-f', 'web')).stderr,
    /"web" is a pod; name a container of it: shop\/web\/nginx$/m,
  )
  await set.berth('create', 'web', set.file('second.json', { ...container, metadata: { name: 'proxy' } }), set.pod)
  assert.match((await set.berth('logs', 'web')).stderr, /name a container of it: .*shop\/web\/proxy/)
})

test('what kubectl users type: -c for the container, get and describe', async () => {
  await using set = await setUpPod()
  const asked: string[] = []
  for (const name of ['nginx', 'proxy']) {
    set.runtime.execs.set(name, (command) => {
      asked.push(`${name} ${command.join(' ')}`)
      return 0
    })
  }
  await set.berth('create', 'web', set.file('second.json', { ...container, metadata: { name: 'proxy' } }), set.pod)
  await set.berth('start', 'web/proxy')
  assert.equal((await set.berth('exec', '-s', '-c', 'proxy', 'web', 'ls', '-c', 'x')).code, 0)
  assert.equal((await set.berth('exec', '-s', 'shop/web', '-c', 'nginx', '--', 'ls')).code, 0)
  assert.deepEqual(asked, ['proxy ls -c x', 'nginx ls'])
  assert.match(
    (await set.berth('exec', 'web', '-it', '--', 'sh')).stderr,
    /-it goes before the container: berth exec -it/,
  )
  assert.match((await set.berth('logs', '-c', 'none', 'web')).stderr, /no container has the id or name "web\/none"/)
  assert.match((await set.berth('get', 'pods', '-A')).stderr, /^berth: there is no command get: berth pods, /)
  assert.match((await set.berth('describe', 'pod', 'web')).stderr, /no command describe: berth why tells .*inspectp/)
})

test('logs: both streams, tail, follow to the end of the container, previous', async (t) => {
  await using set = await setUpPod()
  const path = join(set.logs, 'nginx/0.log')
  const line = (stream: string, text: string) => `2026-01-01T23:00:00.5Z ${stream} F ${text}\n`
  assert.match((await set.berth('logs', 'nginx')).stderr, /log file ".*nginx\/0\.log" not found/)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, line('stdout', 'one') + line('stderr', 'two') + line('stdout', 'three'))
  assert.deepEqual(await set.berth('logs', 'nginx'), { code: 0, stdout: 'one\nthree\n', stderr: 'two\n' })
  assert.equal((await set.berth('logs', '--tail', '-1', 'web', '-c', 'nginx')).stdout, 'one\nthree\n')
  assert.match((await set.berth('logs', '--tail', '-2', 'nginx')).stderr, /must be a whole number/)
  assert.deepEqual(await set.berth('logs', 'nginx', '--tail', '1', '-t'), {
    code: 0,
    stdout: '2026-01-01T23:00:00.5Z three\n',
    stderr: '',
  })
  assert.equal((await set.berth('logs', '--since', '30m', 'nginx')).stdout, '')
  assert.equal((await set.berth('logs', '--since', '90m', '--stream', 'stderr', 'nginx')).stderr, 'two\n')
  const before = set.runtime.statusCalls
  const following = set.berth('logs', '-f', '--tail', '0', 'nginx')
  // For its log, before it is opened, and when it is known where to begin.
  await t.waitFor(() => assert.ok(set.runtime.statusCalls >= before + 3), patiently)
  appendFileSync(path, line('stdout', 'four'))
  await set.berth('stop', 'nginx')
  assert.equal((await following).stdout, 'four\n')
  const again = { ...container, metadata: { name: 'nginx', attempt: 1 }, log_path: 'nginx/1.log' }
  await set.berth('create', 'web', set.file('again.json', again), set.pod)
  assert.match((await set.berth('logs', '-p', 'nginx')).stdout, /^one\n/)
  assert.match((await set.berth('logs', '-p', 'b2')).stderr, /previous attempt .* not found/)
})

test('logs --all-containers: of each container of the pod the newest attempt', async () => {
  await using set = await setUpPod()
  for (const [name, attempt] of [
    ['proxy', 0],
    ['nginx', 1],
  ] as const) {
    const config = { ...container, metadata: { name, attempt }, log_path: `${name}.log` }
    await set.berth('create', 'web', set.file('other.json', config), set.pod)
    mkdirSync(set.logs, { recursive: true })
    writeFileSync(join(set.logs, `${name}.log`), `2026-01-01T23:00:00.5Z stdout F of ${name}\n`)
  }
  const { code, stdout, stderr } = await set.berth('logs', '--all-containers', 'web')
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'of proxy\nof nginx\n', stderr: '' })
  assert.match((await set.berth('logs', '--all-containers', '-c', 'x', 'web')).stderr, /goes without -c/)
})

test('failures are one line that says what to do', async () => {
  await using set = await setUp({
    runtime: {
      status: () => {
        throw statusError('UNKNOWN', 'two\nlines')
      },
    },
  })
  assert.deepEqual(await set.berth('info'), { code: 1, stdout: '', stderr: 'berth: two; lines\n' })
  const { code, stderr } = await berth('unix:///nowhere/cri.sock', ['version'])
  assert.equal(code, 1)
  assert.match(stderr, /^berth: nothing serves at unix:\/\/\/nowhere\/cri\.sock: .*\. Start the runtime, or .*\n$/)
  assert.match((await berth('tcp://1.2.3.4', ['version'])).stderr, /is not the endpoint of a CRI runtime/)
  assert.match((await set.berth('--timeout', 'soon', 'version')).stderr, /"soon" is not a duration/)
  assert.equal((await set.berth('frobnicate')).code, 1)
  assert.equal((await set.berth('rm')).stderr, 'berth: name the containers to remove, or give --all\n')
  const aborted = await berth(set.runtime.endpoint, ['version'], AbortSignal.abort())
  assert.deepEqual([aborted.code, aborted.stderr], [130, ''])
})

test('help lists every command, and the version is that of the package', async () => {
  const { code, stdout } = await berth('', ['--help'])
  assert.equal(code, 0)
  const verbs =
    'run runp create start stop rm ps inspect logs exec attach port-forward pods inspectp stopp rmp images pull inspecti rmi'
  for (const verb of [...verbs.split(' '), 'imagefsinfo', 'version', 'info', 'runtime-config', 'help'])
    assert.match(stdout, new RegExp(`^ {2}${verb}[ |]`, 'm'))
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.equal((await berth('', ['--version'])).stdout, `${version}\n`)
})
