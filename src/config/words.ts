/** What a key is for, as `berth config default` and docs/configuration.md have it. */
export interface KeyWords {
  /** For people; several keys in a row that one text is for have it at the first. */
  readonly text?: string
  /** A value to show where the schema has no default: as TOML. It is then a comment. */
  readonly example?: string
  /** A change of it counts from the next start of berthd on; that of any other key as soon as the file is read again. */
  readonly atStart?: true
}

/** What is said of a table, in front of it. */
export const tableWords: Readonly<Record<string, string>> = {
  runtime:
    'A runtime handler, as runtimeClassName in Kubernetes means it; as many tables as there are handlers. runc is always one, and ' +
    'crun where it is installed.',
  'nri.validator': 'What no plugin may do, and which plugins must be there. Without this table: anything, and none.',
}

/** The name that stands for any in the tables of runtime handlers. */
export const exampleHandler = 'crun'

/** The words for each key of the schema, in the order in which they are shown. */
export const keyWords: Readonly<Record<string, KeyWords>> = {
  root: { text: 'Images and records; survives a reboot.', atStart: true },
  state: { text: 'Sockets, mounts, pipes, namespaces; gone after a reboot.', atStart: true },
  socket: {
    text: 'Where CRI is served. Default: berth.sock in the state folder.',
    example: '"/run/berth/berth.sock"',
    atStart: true,
  },
  admin_socket: {
    text: 'Where the admin API is served, for root alone. Default: admin.sock in the state folder.',
    example: '"/run/berth/admin.sock"',
    atStart: true,
  },
  log_level: { text: 'debug, info, warn or error. The log is JSON, a line each, on stderr.' },
  cgroup_parent: {
    text:
      'The cgroup that pods are made in when their client names none. The kubelet always names one. With the systemd driver it is ' +
      'the slice of that name: "/berth" means berth.slice.',
  },
  cgroup_driver: {
    text:
      'Who makes the cgroups of containers: the OCI runtime itself (cgroupfs), or systemd at its request, as the scopes ' +
      'cri-berth-<id>.scope in the pod\'s slice. It must be the kubelet\'s too; "systemd" is refused on a machine that was not ' +
      'booted with it.',
    atStart: true,
  },
  pids_limit: {
    text: "How many processes a container may have; 0 for no limit (the kubelet's podPidsLimit limits the pod).",
  },
  trace: {
    text: 'Keep for the last 100 calls where their time went, for `berth trace`, which can also switch this on and off.',
  },
  start_early: {
    text:
      'Start runc or crun when a container is created, to wait for its configuration until StartContainer: 2 to 4 ms less for the ' +
      'start. Not yet proven by the whole crash suite.',
  },
  expedite_rcu: {
    text:
      'While a pod is taken off its network, the kernel waits 3 to 5 times for an RCU grace period, 5 to 15 ms each. With this ' +
      '/sys/kernel/rcu_expedited is 1 for those moments, if it is 0 otherwise: StopPodSandbox takes half the time, and each CPU ' +
      'that is not idle gets some interrupts. Real-time kernels (rcu_normal) are not affected.',
  },
  hooks_dirs: {
    text:
      'Folders with OCI hooks (*.json, the hooks format 1.0.0 of the containers project) and with descriptions of CDI devices ' +
      '(*.json and *.yaml). They are read at each creation of a container; a later folder goes before an earlier one.',
  },
  cdi_dirs: {},
  default_runtime: { text: 'The runtime handler of pods that ask for none.', example: '"runc"' },
  'runtime.path': {
    text: "The program. Default: the handler's name, looked for on PATH.",
    example: '"/usr/bin/crun"',
  },
  'runtime.args': { text: "Arguments before the runtime's own command.", example: '[]' },
  'runtime.cgroup_driver': {
    text: 'Default of these two: the key of the same name above.',
    example: '"cgroupfs"',
    atStart: true,
  },
  'runtime.pids_limit': { example: '0' },
  'runtime.pod_annotations': {
    text: 'Annotations of pods and containers that config.json gets, as globs. Default: none.',
    example: '["example.com/*"]',
  },
  'runtime.container_annotations': { example: '[]' },
  'runtime.base_spec': {
    text: 'What every container\'s config.json begins with, see "Base specs" in docs/configuration.md.',
    example: '"/etc/berth/base.json"',
  },
  'runtime.privileged_without_host_devices': {
    text: 'Privileged containers get no device of the host.',
    example: 'false',
  },
  'runtime.cgroup_writable': { text: '/sys/fs/cgroup can be written to.', example: 'false' },
  'runtime.sandbox_per_container': {
    text: 'Each container is a sandbox of its own to the runtime. Default for runsc: true.',
    example: 'false',
  },
  'runtime.delete_timeout_ms': {
    text:
      'How long the runtime may take to delete a container. After that it is killed, and its work is done without it: the ' +
      'cgroup is killed and removed, and the folder of its state.',
    example: '20000',
  },
  'cni.conf_dir': {
    text: 'The first file in this folder, by name, is the network of pods. A change of the folder needs no restart.',
  },
  'cni.bin_dirs': {
    text: 'Where the plugins are.',
    example: '["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"]',
  },
  'cni.plugin_timeout_ms': {
    text: 'How long a plugin may take for one call. After that it is killed with all that it started, and the call has failed.',
  },
  'cni.attach_ahead': {
    text:
      'How many network namespaces are kept attached, each with an address of its own, before their pods are asked for: a pod that ' +
      'gets one starts faster. 0: none. Only with plugins that treat all pods alike: bridge, ptp, macvlan, ipvlan or flannel with ' +
      'host-local, and portmap, firewall, bandwidth, tuning, sbr behind them. A pod with host ports or with bandwidth limits, ' +
      'sysctls of the network or a user namespace gets one of its own, as ever.',
  },
  'shim.pods_per_process': {
    text: 'How many pods one shim process serves. The 110 that a kubelet runs at most by default fit into one.',
  },
  'streaming.address': {
    text:
      'Where the streams of exec, attach and port-forward are served; the kubelet, on this machine, is the one who comes for them. ' +
      'They come with a URL for one use, which is asked for on the CRI socket.',
    atStart: true,
  },
  'streaming.port': { text: '0 for any free port.', atStart: true },
  'streaming.tls_cert': {
    text:
      'A certificate and its key, PEM: with these the URLs are https. No default: plain http. A reload reads the files again, so ' +
      'that a renewed certificate is used.',
    example: '"/etc/berth/streaming.crt"',
    atStart: true,
  },
  'streaming.tls_key': { example: '"/etc/berth/streaming.key"', atStart: true },
  'streaming.tls_client_ca': {
    text:
      'With this, only clients are served that show a certificate which one of these has signed; `berth exec` and its kin take one ' +
      'with --tls-cert and --tls-key. The kubelet shows none: not for the node of a cluster. No default.',
    example: '"/etc/berth/streaming-clients.crt"',
    atStart: true,
  },
  'tracing.endpoint': {
    text:
      'The URL of an OpenTelemetry collector, where the spans of calls are sent by OTLP over HTTP (docs/metrics.md). Default: none ' +
      'are sent.',
    example: '"http://127.0.0.1:4318"',
  },
  'tracing.sample_ratio': {
    text:
      'Which part of the calls is traced for it whose caller has no trace of its own, 0 to 1. Of those that have one, such as the ' +
      "kubelet's with its tracing, the caller decides.",
  },
  'metrics.port': {
    text:
      'A port of 127.0.0.1 where Prometheus finds the metrics, at /metrics; 0 for none. Whoever can run programs on this machine can ' +
      'read them there. They are always on the admin socket (docs/metrics.md).',
  },
  'nri.enabled': {
    text: 'Plugins of the Node Resource Interface (docs/nri.md). Without any of them it costs nothing.',
    atStart: true,
  },
  'nri.socket': {
    text: 'Where plugins connect; only root can. When another runtime serves there already, Berth leaves the socket to it.',
    atStart: true,
  },
  'nri.external_plugins': { atStart: true },
  'nri.plugin_dir': {
    text: 'Plugins that berthd starts itself (executable files "NN-name"), and their configuration ("NN-name.conf" or "name.conf").',
    atStart: true,
  },
  'nri.plugin_config_dir': { atStart: true },
  'nri.registration_timeout_ms': {
    text: 'How long a plugin may take to register and to take in what there is, and to answer any other request.',
  },
  'nri.request_timeout_ms': {},
  'nri.validator.required_plugins': { text: 'Each as "name" or "NN-name".', example: '[]' },
  'nri.validator.tolerate_missing_annotation': {
    text: 'Pods with this annotation and the value "true" can do without them.',
    example: '""',
  },
  'nri.validator.reject_hooks': { example: 'false' },
  'nri.validator.reject_runtime_default_seccomp': {
    text: 'Changes of the seccomp policy, by what the pod asked for.',
    example: 'false',
  },
  'nri.validator.reject_unconfined_seccomp': { example: 'false' },
  'nri.validator.reject_custom_seccomp': { example: 'false' },
  'nri.validator.reject_namespaces': { example: 'false' },
  'nri.validator.reject_sysctls': { example: 'false' },
  'image.registry_config_dirs': {
    text: 'Folders with settings of registries; the first that knows the registry counts.',
    example: '["/etc/berth/certs.d", "/etc/containerd/certs.d"]',
  },
  'image.plain_http': {
    text: 'Registries that are spoken to without TLS (`host` or `host:port`). Those on this machine always are.',
    example: '[]',
  },
  'image.pinned': { text: "Images that the kubelet's garbage collection leaves alone.", example: '[]' },
  'image.auth_file': {
    text: "Docker's config.json, for pulls that come without credentials, and with its credential helpers. Default: none.",
    example: '"/etc/berth/config.json"',
  },
  'image.signature_policy': {
    text: 'A policy.json that says which images may be pulled (docs/images.md). Default: none, and all may.',
    example: '"/etc/containers/policy.json"',
  },
  'image.max_layer_bytes': { text: 'What one layer may unpack to; a larger one fails the pull.' },
  'image.max_layer_entries': {},
}
