import type { Layer } from './explanation.ts'

/** A call that failed, as the runtime tells it. */
export interface FailedRequest {
  readonly rpc: string
  readonly message: string
  readonly image?: string
  readonly stage?: string
  readonly lastAt?: number
  readonly count?: number
}

/** How a failure is known, and what it means. */
export interface Rule {
  /** The call, when the words alone do not tell. */
  readonly rpc?: RegExp
  readonly words: RegExp
  readonly layer: Layer
  readonly what: string
  readonly next: (found: RegExpExecArray, request: FailedRequest) => string
}

/**
 * The failures whose words are known: those of Berth, of containerd and of CRI-O, and of what all of them pass on. The first
 * that fits is it, so what is special comes before what is general.
 */
export const failureRules: readonly Rule[] = [
  {
    words: /no space (is )?left|ENOSPC|disk quota exceeded|database or disk is full/i,
    layer: 'disk',
    what: 'a disk of this node is full',
    next: () => 'make room: df -h shows which; berth images and berth rmi, berth gc --dry-run show what images take',
  },
  {
    words: /read-only file ?system|EROFS|readonly database/i,
    layer: 'disk',
    what: 'a disk of this node takes no writes',
    next: () => 'dmesg says why the kernel made it read-only; mount it for writing again',
  },
  {
    words: /SignatureValidationFailed|source image rejected/i,
    layer: 'image policy',
    what: 'the signature policy of this node does not allow the image',
    next: () => 'sign the image with a key that the policy names, or change the policy (image.signature_policy)',
  },
  {
    words: /is not what was promised|failed (size )?validation|unexpected commit digest|digest mismatch/i,
    layer: 'registry',
    what: 'what the registry sent is not what the digests of the image promise',
    next: () => 'push the image again; if others get it whole, look for a proxy or mirror that alters or cuts it',
  },
  {
    words: /\/sys\/fs\/cgroup\S*\/(memory|cpu|pids|cpuset|io)\.[a-z.]+\S*: no such file/i,
    layer: 'node',
    what: 'the cgroups of this node lack the controller of a limit that the container has',
    next: () => 'berth doctor says which controllers are missing, and how the kernel is told to have them',
  },
  {
    words: /invalid image reference|invalid reference format|InvalidImageName|failed to parse (image )?reference/i,
    layer: 'configuration',
    what: 'this is not the name of an image',
    next: () => 'write it as [registry/]repository[:tag][@digest], the repository in lower case',
  },
  {
    rpc: /PullImage/,
    words: /x509|certificate|tls:|self-signed|ssl/i,
    layer: 'registry',
    what: 'the TLS certificate of the registry is not accepted',
    next: () => 'give its CA in hosts.toml of that registry (docs/images.md), or mend the certificate',
  },
  {
    rpc: /PullImage/,
    words: /refuses the credentials|unauthori[sz]ed|authorization failed|\b401\b|pull access denied, the repository/i,
    layer: 'registry',
    what: 'the registry wants credentials, or other ones',
    next: () =>
      'give a pull secret that may read the repository (imagePullSecrets; berth pull --creds); check the name, too',
  },
  {
    rpc: /PullImage/,
    words: /pull access denied|forbidden|\b403\b|denied:/i,
    layer: 'registry',
    what: 'the registry knows the account and does not let it pull this',
    next: () => 'give the account the right to pull the repository',
  },
  {
    rpc: /PullImage/,
    words: /too ?many ?requests|\b429\b|rate limit/i,
    layer: 'registry',
    what: 'the registry has had too many requests from here',
    next: () => 'wait, log in (limits of accounts are higher), or use a mirror',
  },
  {
    rpc: /PullImage/,
    words: /no match for platform|no (image|manifest) for|platform/i,
    layer: 'image',
    what: 'the image is not there for the CPU of this node',
    next: () => 'push it for this platform, too, or schedule the pod on another node',
  },
  {
    rpc: /PullImage/,
    words: /the image there is incomplete/,
    layer: 'registry',
    what: 'the registry lacks a part that the image names',
    next: () => 'push the image again',
  },
  {
    rpc: /PullImage/,
    words:
      /RegistryUnavailable|cannot be reached|dial tcp|connection refused|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|no such host|i\/o timeout|timed out|connection reset|ECONNRESET|: EOF|unexpected EOF/i,
    layer: 'registry',
    what: 'the registry cannot be reached, or does not serve',
    next: (_, { image }) =>
      `from this node, try: curl -v https://${registryOf(image)}/v2/ ; then look at DNS, proxy, firewall, and hosts.toml of a mirror`,
  },
  {
    rpc: /PullImage/,
    words: /not found|manifest unknown|name unknown|does not exist/i,
    layer: 'registry',
    what: 'the registry has no such image',
    next: (_, { image }) => `check the name and the tag${image ? ` of ${image}` : ''}; is it pushed to this registry?`,
  },
  {
    words:
      /the network is not ready|no valid CNI network configuration|cni (plugin|config) (not initialized|uninitialized)/i,
    layer: 'network (CNI)',
    what: 'this node has no usable CNI network',
    next: () =>
      'install the cluster’s network add-on, or put a configuration into the CNI folder; berth doctor looks at both',
  },
  {
    words: /CNI plugin "([^"]*)".* is not installed|failed to find plugin "([^"]*)"/i,
    layer: 'network (CNI)',
    what: 'a CNI plugin that the network needs is not installed',
    next: ([, ours, theirs]) =>
      `put "${ours ?? theirs}" where CNI plugins are (Debian: apt install containernetworking-plugins)`,
  },
  {
    words: /CNI plugin "([^"]*)".* did not end within ([\d.]+ s)/i,
    layer: 'network (CNI)',
    what: 'a CNI plugin hung, and was killed',
    next: ([, plugin]) =>
      `find out what "${plugin}" waits for: its own log, its daemon on this node, the API server it asks`,
  },
  {
    words:
      /no IP addresses available|no addresses? (is |are )?(available|left)|address pool|ip_?pool|the network gave the pod no address/i,
    layer: 'network (CNI)',
    what: 'the pod network has no free address on this node',
    next: () => 'remove pods, or give the node a larger range; berth check finds addresses that nobody uses any more',
  },
  {
    words: /CNI plugin "([^"]*)"|plugin type="([^"]*)"|failed to (setup|set up|create pod) network|networkPlugin/i,
    layer: 'network (CNI)',
    what: 'a CNI plugin failed',
    next: ([, ours, theirs]) =>
      `the words of ${ours || theirs ? `"${ours ?? theirs}"` : 'the plugin'} say why; look at the log and the state of the network add-on`,
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
    words: /killed .* ago and its process is still there/,
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

/** The host that an image's name begins with; Docker Hub where it names none. */
function registryOf(image = ''): string {
  const [host = ''] = image.split('/')
  return image.includes('/') && /[.:]|^localhost$/.test(host) ? host : 'registry-1.docker.io'
}
