import type { Rule } from '../failure-rules.ts'

/** What keeps a container from being made, started, changed or ended. */
export const containerRules: readonly Rule[] = [
  {
    words: /\/sys\/fs\/cgroup\S*\/(memory|cpu|pids|cpuset|io)\.[a-z.]+\S*: no such file/i,
    layer: 'node',
    what: 'the cgroups of this node lack the controller of a limit that the container has',
    next: () => 'berth doctor says which controllers are missing, and how the kernel is told to have them',
  },
  {
    words: /there is no (ConfigMap|Secret) "|(configmap|secret) "[^"]*" not found/i,
    layer: 'configuration',
    what: 'the container needs a ConfigMap or a Secret that is not there',
    next: () => 'add it, or correct its name in the manifest; optional: true lets the container do without it',
  },
  {
    words: /NRI plugin/i,
    layer: 'NRI plugin',
    what: 'an NRI plugin refused it, or failed',
    next: () => 'look at the log of that plugin, or take it out (docs/nri.md)',
  },
  {
    words: /cannot run the OCI runtime|the OCI runtime of handler .* cannot be run/i,
    layer: 'OCI runtime',
    what: 'the OCI runtime is not installed, or not where it is expected',
    next: () => 'install runc or crun, or correct its path in the configuration; berth doctor looks at it',
  },
  {
    words: /no runtime (handler )?for|no runtime handler|runtime handler .* (unknown|not)|no such runtime handler/i,
    layer: 'configuration',
    what: 'this node has no runtime handler of that name',
    next: () => 'correct runtimeClassName, or add the handler to the configuration ([runtime.NAME])',
  },
  {
    words:
      /(user|group) "[^"]*" is not in the \/etc\/|unable to find (user|group)|no matching entries in (passwd|group)/i,
    layer: 'configuration',
    what: 'the image has no such user or group',
    next: () => 'name it by its number (runAsUser, runAsGroup), or add it to the image',
  },
  {
    words: /no command to run|no command specified/i,
    layer: 'configuration',
    what: 'neither the image nor the container says what to run',
    next: () => 'give the container a command, or the image an entrypoint',
  },
  {
    words:
      /user namespaces \(hostUsers: false\) need|user namespaces? (is |are )?not supported|idmap mounts? (is |are )?not supported/i,
    layer: 'node',
    what: 'this node cannot give pods a user namespace',
    next: () => 'berth doctor says what it lacks (Linux 6.3, runc 1.2 or crun 1.9); else leave hostUsers: false out',
  },
  {
    words: /(seccomp|apparmor|SELinux) is not (supported|enabled)|AppArmor profile.* is not loaded/i,
    layer: 'node',
    what: 'this node lacks the security module, or the profile, that the pod asks for',
    next: () => 'berth doctor looks at them; profiles of AppArmor are loaded with apparmor_parser',
  },
  {
    words: /cannot load (the )?seccomp profile|failed to load seccomp/i,
    layer: 'configuration',
    what: 'the seccomp profile of the pod cannot be used',
    next: () => 'put it where localhostProfile means (the kubelet: /var/lib/kubelet/seccomp), and see that it is valid',
  },
  {
    words: /sysctls: |sysctl .* is not (allowed|in a separate)/,
    layer: 'configuration',
    what: 'a sysctl of the pod is not possible',
    next: () => 'only those of namespaces that the pod has of its own are, and that this kernel has',
  },
  {
    words: /devices: there is no|is not a device node|CDI device|unresolvable CDI devices/i,
    layer: 'node',
    what: 'a device that the container asks for is not on this node, or not described as CDI wants it',
    next: () => 'look for it in /dev and in the folders of cdi_dirs; its device plugin may not run here',
  },
  {
    words: /the OCI hook file|base_spec /,
    layer: 'configuration',
    what: 'a file that the configuration of this node names cannot be used',
    next: () => 'correct that file; its words say what is wrong with it',
  },
  {
    words: /is not a shared( or slave)? mount|is not shared/i,
    layer: 'node',
    what: 'a volume with mount propagation lies on a mount that does not propagate',
    next: () =>
      'mount --make-rshared on the mount that it names; the unit of systemd that makes it can do that for good',
  },
  {
    words:
      /RROUnsupported|capability \S+ cannot be added|needs cgroup v2, and this host has v1|this node has no such classes/,
    layer: 'node',
    what: 'this node cannot do what the pod asks for',
    next: () => 'its words say what is missing; schedule the pod on another node, or leave that out',
  },
  {
    words: /is not a systemd slice|slice:prefix:name/,
    layer: 'configuration',
    what: 'the kubelet and the runtime have different cgroup drivers',
    next: () => 'set cgroup_driver here as the kubelet has it; berth doctor compares them',
  },
  {
    words: /D-Bus|systemd did not|job ended with/,
    layer: 'node',
    what: 'systemd did not make the cgroup',
    next: () =>
      'systemctl status and journalctl -b say how systemd is; with cgroup_driver = "cgroupfs" it is not needed',
  },
  {
    words: /image_sub_path|the image has no folder|is not a folder of the image/,
    layer: 'configuration',
    what: 'the image volume has no such folder',
    next: () => 'correct subPath of the mount against what is in that image',
  },
  {
    words: /is a link; it must be a folder/,
    layer: 'image',
    what: 'a folder of the image is a link, which could lead out of it',
    next: () => 'make it a folder in the image',
  },
  {
    rpc: /ExecSync/,
    words: /did not end within .* it was killed|command .* timed out|context deadline exceeded/,
    layer: 'application',
    what: 'the command took longer than its timeout, and was killed',
    next: () => 'raise timeoutSeconds of the probe, or see in the container what the command waits for',
  },
  {
    words: /cannot set memory\.max|more is in use and cannot be reclaimed|the kernel refused it, and/,
    layer: 'kernel',
    what: 'the kernel does not take the new limit; the old one is in force',
    next: () => 'a limit of memory cannot go below what is in use; its words say which one it was',
  },
  {
    words: /checkpointing needs CRIU|cannot checkpoint|the checkpoint of container/,
    layer: 'node',
    what: 'no checkpoint could be made',
    next: () => 'CRIU must be installed and know this kernel (criu check); its words say what it could not dump',
  },
  {
    words: /is of a newer Berth/,
    layer: 'container runtime',
    what: 'pods of a newer Berth are here, whose shim this one does not understand',
    next: () => 'run the newer berthd again, or remove those pods with it',
  },
  {
    words: /ptrace_scope/,
    layer: 'node',
    what: 'the kernel does not let berthd take streams over from its shim',
    next: () => 'sysctl -w kernel.yama.ptrace_scope=1',
  },
  {
    words: /(runc|crun|\S+) did not start the container within ([\d.]+ s)/,
    layer: 'OCI runtime',
    what: 'the OCI runtime hung, and was killed',
    next: () =>
      'try the same once more; if it hangs again, look at what it waits for: dmesg, a hook, a mount that does not answer',
  },
  {
    words:
      /executable file .*not found|has no such program|exec: ".*": stat .*: no such file|exec \S+: no such file or directory|start process: .*no such file/i,
    layer: 'configuration',
    what: 'the image has no program of that name',
    next: () => 'correct command and args of the container, or use an image that has it',
  },
  {
    words: /exec format error/i,
    layer: 'image',
    what: 'the program is for another CPU, or a script without its #! line',
    next: () => 'use an image for this platform; a script must begin with #! and the interpreter',
  },
  {
    words: /host path|hostPath|bind source|error mounting|(mounting|mount) .*(no such file|not a directory)/i,
    layer: 'configuration',
    what: 'a mount of the container cannot be made',
    next: () => 'check that the host path is there, answers, and is of the right kind (a file or a folder)',
  },
  {
    rpc: /StartContainer|Exec/,
    words: /permission denied/i,
    layer: 'configuration',
    what: 'the program is not executable for the user of the container',
    next: () => 'check its mode in the image (chmod +x) and runAsUser; a volume may be mounted noexec',
  },
  {
    words: /chdir to cwd|mkdir cwd|cannot chdir|working directory/i,
    layer: 'configuration',
    what: 'the working directory cannot be entered',
    next: () => 'correct workingDir of the container, or make the folder in the image',
  },
  {
    words: /is an artifact/,
    layer: 'image',
    what: 'what it names is an artifact and not a container image',
    next: () => 'name a container image, or mount the artifact as an image volume',
  },
  {
    words: /is not on this node|ErrImageNeverPull|image .* not found|no such image/i,
    layer: 'image',
    what: 'the image is not on this node',
    next: (_, { image }) =>
      `pull it: berth pull ${image ?? 'IMAGE'}; with imagePullPolicy Never somebody must have done so`,
  },
  {
    words: /layers of image .* have gone from the disk/,
    layer: 'image',
    what: 'layers of the image have gone from the disk',
    next: (_, { image }) => `pull it again: berth pull ${image ?? 'IMAGE'}`,
  },
  {
    words: /killed .* ago and its process is still there|hang in the kernel/,
    layer: 'kernel',
    what: 'its process was killed and does not go: it hangs in the kernel',
    next: () =>
      'most often a network file system or a disk that does not answer: mend that, and the process goes; else restart the node',
  },
  {
    words: /is taken by|is reserved for|is under way|with a different configuration/,
    layer: 'client',
    what: 'another one of that name is there, or being made',
    next: () => 'wait for it, or remove it; the kubelet tries again by itself',
  },
  {
    words:
      /is (exited|created|unknown|stopped|notready|not ready), not running|takes no more containers|only a (created|running) container|its containers cannot be started|it was stopped meanwhile|(is|are) being (removed|started|stopped|changed)/i,
    layer: 'client',
    what: 'the pod or the container is in a state in which that is not possible',
    next: () => 'berth why tells what it ended with; the kubelet makes it anew by itself',
  },
  {
    words: /memory.*(cgroup|limit)|cgroup.*(memory|limit)|cannot allocate memory|ENOMEM/i,
    layer: 'kernel',
    what: 'the kernel did not give it the memory or the limit that it was to have',
    next: () => 'check resources.limits (a few MiB are too few to start in), and free -m on the node',
  },
  {
    words: /shim|connection was closed before the answer|berthd is stopping/i,
    layer: 'container runtime',
    what: 'a process of the container runtime ended meanwhile',
    next: () => 'ask again: another one takes over; its log says why it ended',
  },
  {
    words: /gave up|nobody waits|context (canceled|deadline exceeded)|was cancelled/i,
    layer: 'client',
    what: 'whoever asked for it gave up before it was done',
    next: () =>
      'it goes on, or is tried again, at the next request; if it always takes too long, see what it waits for',
  },
  {
    words: /runc|crun|OCI runtime|runsc|^\S+ (run|create|start|exec|kill|delete) failed: /i,
    layer: 'OCI runtime',
    what: 'the OCI runtime refused it, or failed',
    next: () => 'its words say why; berth inspect shows the specification that it was given',
  },
]
