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
    rpc: 'PullImage',
    message:
      'the registry configuration /etc/berth/certs.d/docker.io/hosts.toml cannot be used: Invalid TOML document: unexpected character',
    layer: 'configuration',
    what: /hosts.toml/,
  },
  {
    rpc: 'PullImage',
    message: 'the certificates in /etc/berth/certs.d/reg.example cannot be read (each .cert needs its .key)',
    layer: 'configuration',
    what: /hosts.toml/,
  },
  {
    rpc: 'PullImage',
    message:
      'the credential helper "ecr" of /etc/berth/config.json failed: docker-credential-ecr is not installed (PATH is /usr/bin)',
    layer: 'configuration',
    what: /credentials/,
  },
  {
    rpc: 'PullImage',
    message: 'the signature policy /etc/containers/policy.json cannot be used: Unexpected end of JSON input',
    layer: 'image policy',
    what: /cannot be used/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": layer sha256:aa cannot be unpacked: the layer unpacks to more than 100 bytes, which the configuration forbids',
    layer: 'image',
    what: /larger than this node allows/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": it is in Docker\'s old format "schema 1", which is refused; push the image again with a current tool',
    layer: 'image',
    what: /before 2017/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": layer sha256:aa cannot be unpacked: the entry "../tls:x" points out of the layer',
    layer: 'image',
    what: /damaged/,
  },
  {
    rpc: 'PullImage',
    message:
      'failed to pull image "reg.example:5000/a:1": layer sha256:aa cannot be unpacked: the gzip data is cut off',
    layer: 'image',
    what: /damaged/,
  },
  {
    rpc: 'PullImage',
    message: 'failed to pull image "reg.example:5000/a:1": its manifest claims to be an index as well',
    layer: 'image',
    what: /damaged/,
  },
  {
    rpc: 'PullImage',
    message:
      'RegistryUnavailable: failed to pull image "reg.example:5000/a:1": the registry reg.example:5000 sent nothing for 60 s; check the network and the registry, then pull again',
    layer: 'registry',
    what: /does not serve/,
  },
  {
    rpc: 'RunPodSandbox',
    message: 'cannot attach to network "pods": there is no network namespace at /run/berth/sandboxes/aa/net',
    layer: 'container runtime',
    what: /namespace of the pod has gone/,
  },
  {
    rpc: 'RunPodSandbox',
    message:
      'the plugins of network "pods" gave the pod no address on eth0; check the "ipam" part of the CNI configuration',
    layer: 'network (CNI)',
    what: /no address/,
  },
  {
    rpc: 'RunPodSandbox',
    message: 'sysctls: kernel.panic belongs to no namespace that the pod has of its own; it would change the host',
    layer: 'configuration',
    what: /sysctl/,
  },
  {
    rpc: 'RunPodSandbox',
    message:
      'user namespaces (hostUsers: false) need Linux 6.3 and an OCI runtime that can map the ids of mounts; the runtime handler "runc" (runc) or this host cannot: it is 1.1',
    layer: 'node',
    what: /user namespace/,
  },
  {
    rpc: 'RunPodSandbox',
    message:
      'cgroup_parent "/kubepods/pod1" is not a systemd slice ("….slice"), but Berth\'s cgroup driver is systemd; kubelet and Berth must use the same driver',
    layer: 'configuration',
    what: /cgroup drivers/,
  },
  {
    rpc: 'CreateContainer',
    message: 'user "web" is not in the /etc/passwd of image "reg.example/a:1"',
    layer: 'configuration',
    what: /no such user/,
  },
  {
    rpc: 'CreateContainer',
    message: 'no command to run: image "a" has neither entrypoint nor cmd, and the container sets no command',
    layer: 'configuration',
    what: /what to run/,
  },
  {
    rpc: 'CreateContainer',
    message: 'apparmor is not supported on this host, but the container asks for a profile',
    layer: 'node',
    what: /security module/,
  },
  {
    rpc: 'CreateContainer',
    message: 'the AppArmor profile "strict" is not loaded on this host (apparmor_parser loads profiles)',
    layer: 'node',
    what: /security module/,
  },
  {
    rpc: 'CreateContainer',
    message: 'cannot load the seccomp profile /var/lib/kubelet/seccomp/x.json: it has no defaultAction',
    layer: 'configuration',
    what: /seccomp profile/,
  },
  {
    rpc: 'CreateContainer',
    message: 'devices: there is no /dev/nvidia0 on this host',
    layer: 'node',
    what: /device/,
  },
  {
    rpc: 'CreateContainer',
    message: 'no CDI device "vendor.com/gpu=0" is described in /etc/cdi',
    layer: 'node',
    what: /device/,
  },
  {
    rpc: 'CreateContainer',
    message: 'the OCI hook file /etc/containers/oci/hooks.d/x.json is not valid: version: expected 1.0.0',
    layer: 'configuration',
    what: /file that the configuration/,
  },
  {
    rpc: 'CreateContainer',
    message: 'mounts: "/data" is on the mount "/", which is not a shared mount: mounts cannot propagate both ways',
    layer: 'node',
    what: /propagat/,
  },
  {
    rpc: 'CreateContainer',
    message: 'RROUnsupported: the kernel or the OCI runtime cannot mount "/data" recursively read-only',
    layer: 'node',
    what: /cannot do what the pod asks/,
  },
  {
    rpc: 'CreateContainer',
    message: 'the image has no folder "models" ("/")',
    layer: 'configuration',
    what: /image volume/,
  },
  {
    rpc: 'CreateContainer',
    message: 'the record cannot be written to /var/lib/berth/berth.db: disk I/O error; check its disk',
    layer: 'disk',
    what: /cannot be written/,
  },
  {
    rpc: 'CreateContainer',
    message: 'sandbox "aa" is stopped: it takes no more containers',
    layer: 'client',
    what: /state/,
  },
  {
    rpc: 'StartContainer',
    message:
      'failed to create task: expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/kubepods/pod1" instead',
    layer: 'configuration',
    what: /cgroup drivers/,
  },
  {
    rpc: 'ExecSync',
    message: 'the command in container "aa" did not end within 1 s; it was killed',
    layer: 'application',
    what: /timeout/,
  },
  {
    rpc: 'UpdateContainerResources',
    message: 'cannot set memory.max to 1048576: 9000000 bytes are in use and cannot be reclaimed; nothing was changed',
    layer: 'kernel',
    what: /new limit/,
  },
  {
    rpc: 'StopContainer',
    message:
      'processes 7 of cgroup /kubepods/x are still there 30 s after SIGKILL; they hang in the kernel (state D: a lost disk or NFS server?)',
    layer: 'kernel',
    what: /hangs in the kernel/,
  },
  {
    rpc: 'CheckpointContainer',
    message: 'checkpointing needs CRIU, which is not on this machine (on Debian: apt install criu)',
    layer: 'node',
    what: /checkpoint/,
  },
  {
    rpc: 'StartContainer',
    message:
      'the shim with pid 7 is of a newer Berth: it speaks version 2 of the protocol, this berthd 1; run the newer berthd again',
    layer: 'container runtime',
    what: /newer Berth/,
  },
  {
    rpc: 'Exec',
    message:
      'berthd cannot take over the streams from its shim; does the kernel forbid ptrace (kernel.yama.ptrace_scope=3)?',
    layer: 'node',
    what: /does not let berthd/,
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

test('what is not valid is the configuration, whatever its words are', () => {
  const cause = failureCause({ rpc: 'CreateContainer', message: 'envs: "=" is no name', code: 'invalid-argument' })
  assert.deepEqual([cause.layer, cause.what], ['configuration', 'what was asked for is not valid'])
})

test('the name of an image is no reason', () => {
  const image = 'reg.example/forbidden/no space left:1'
  const message = `failed to pull image "${image}": failed to resolve reference "${image}": ${image}: not found in reg.example`
  assert.match(failureCause({ rpc: 'PullImage', message, image }).what, /no such image/)
})
