import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureCause } from './failure-cause.ts'

/** What calls said in their failure, and what `berth why` is to make of it. */
const failures: readonly { rpc: string; message: string; layer: string; what: RegExp; next?: RegExp }[] = [
  {
    rpc: 'PullImage',
    message:
      'RegistryUnavailable: failed to pull image "reg.example:5000/a:1": the registry reg.example:5000 cannot be reached: connect ECONNREFUSED 10.0.0.1:5000; check the network and the registry, then pull again',
    layer: 'registry',
    what: /cannot be reached/,
    next: /curl -v https:\/\/reg\.example:5000\/v2\//,
  },
  {
    rpc: 'PullImage',
    message:
      'RegistryUnavailable: failed to pull image "docker.io/a:1": the registry registry-1.docker.io has a name that is not known (DNS): getaddrinfo ENOTFOUND registry-1.docker.io; check the network (before that, its mirrors: 127.0.0.1:5000: answered 404 (MANIFEST_UNKNOWN: manifest unknown))',
    layer: 'registry',
    what: /cannot be reached/,
  },
  {
    rpc: 'PullImage',
    message: 'failed to resolve reference "reg.example:5000/reset:1": reg.example:5000/reset:1: not found',
    layer: 'registry',
    what: /no such image/,
  },
  {
    rpc: 'StartContainer',
    message:
      'runc run failed: error setting cgroup config for procHooks process: openat2 /sys/fs/cgroup/berth/0547/memory.max: no such file or directory',
    layer: 'node',
    what: /lack the controller/,
  },
  {
    rpc: 'PullImage',
    message: 'invalid image reference "docker.io/Busy": "library/Busy" is not a repository name',
    layer: 'configuration',
    what: /not the name of an image/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": pull access denied, the repository does not exist or needs credentials (reg.example:5000: 401 Unauthorized); give a pull secret',
    layer: 'registry',
    what: /wants credentials/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": pull access denied by reg.example:5000 (403); the account needs the right',
    layer: 'registry',
    what: /does not let it pull/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": failed to resolve reference "reg.example:5000/a:1": reg.example:5000/a:1: not found in reg.example:5000; check the name and the tag',
    layer: 'registry',
    what: /no such image/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": layer sha256:aa is not what was promised: expected sha256:aa, got sha256:bb; nothing of it was kept',
    layer: 'registry',
    what: /digests/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": no space is left on the disk of /var/lib/berth/images; free some, or remove images',
    layer: 'disk',
    what: /full/,
  },
  {
    rpc: 'PullImage',
    message:
      'SignatureValidationFailed: failed to pull image "reg.example:5000/a:1": source image rejected: no signature',
    layer: 'image policy',
    what: /signature policy/,
  },
  {
    rpc: 'RunPodSandbox',
    message:
      'CNI plugin "bridge" (ADD on network "pods", namespace /run/berth/x/net) failed: exec: "iptables": executable file not found in $PATH',
    layer: 'network (CNI)',
    what: /CNI plugin failed/,
    next: /"bridge"/,
  },
  {
    rpc: 'RunPodSandbox',
    message: 'CNI plugin "calico" (ADD on network "k8s", namespace /run/x/net) did not end within 60 s and was killed',
    layer: 'network (CNI)',
    what: /hung/,
    next: /"calico"/,
  },
  {
    rpc: 'RunPodSandbox',
    message:
      'CNI plugin "bridge" (ADD on network "pods", namespace /run/x) is not installed: no executable "bridge" in /opt/cni/bin; install the CNI plugins',
    layer: 'network (CNI)',
    what: /not installed/,
  },
  {
    rpc: 'RunPodSandbox',
    message:
      'the network is not ready: NetworkPluginNotReady: no valid CNI network configuration in /etc/cni/net.d (*.conflist, *.conf, *.json).',
    layer: 'network (CNI)',
    what: /no usable CNI network/,
  },
  {
    rpc: 'RunPodSandbox',
    message: 'no runtime handler "kata" is configured; there are: runc',
    layer: 'configuration',
    what: /runtime handler/,
  },
  {
    rpc: 'CreateContainer',
    message: 'image "docker.io/library/no-space-left:1" is not on this node; pull it first',
    layer: 'image',
    what: /not on this node/,
  },
  {
    rpc: 'CreateContainer',
    message: 'the record cannot be written to /var/lib/berth/berth.db: database or disk is full; make room on its disk',
    layer: 'disk',
    what: /full/,
  },
  {
    rpc: 'StartContainer',
    message:
      'runc create failed: exec: "nope": executable file not found in $PATH; the image has no such program: check the container\'s command and args',
    layer: 'configuration',
    what: /no program/,
  },
  {
    rpc: 'StartContainer',
    message:
      'runc create failed: exec: "/data": permission denied; the program is not executable for the container\'s user',
    layer: 'configuration',
    what: /not executable/,
  },
  {
    rpc: 'StartContainer',
    message: 'runc did not start the container within 240 s; it was killed',
    layer: 'OCI runtime',
    what: /hung/,
  },
  {
    rpc: 'StartContainer',
    message: 'runc create failed: unable to apply cgroup configuration: invalid argument',
    layer: 'OCI runtime',
    what: /refused it, or failed/,
  },
  {
    rpc: 'StartContainer',
    message:
      'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown',
    layer: 'configuration',
    what: /no program/,
  },
  {
    rpc: 'StopContainer',
    message: 'container "aa" was killed 30 s ago and its process is still there: it may hang in the kernel',
    layer: 'kernel',
    what: /hangs in the kernel/,
  },
  {
    rpc: 'CreateContainer',
    message: 'NRI plugin "10-x" does not allow the container as other plugins want it: no',
    layer: 'NRI plugin',
    what: /NRI/,
  },
  {
    rpc: 'UpdateContainerResources',
    message: 'strange',
    layer: 'container runtime',
    what: /^UpdateContainerResources failed$/,
  },
]

for (const { rpc, message, layer, what, next = /./ } of failures) {
  test(`${rpc}: ${message.slice(0, 90)}`, () => {
    const cause = failureCause({ rpc, message, image: 'reg.example:5000/a:1' })
    assert.equal(cause.layer, layer)
    assert.match(cause.what, what)
    assert.match(cause.next, next)
    assert.equal(cause.said, message)
  })
}

test('the name of an image is no reason', () => {
  const image = 'reg.example/forbidden/no space left:1'
  const message = `failed to pull image "${image}": failed to resolve reference "${image}": ${image}: not found in reg.example`
  assert.match(failureCause({ rpc: 'PullImage', message, image }).what, /no such image/)
})
