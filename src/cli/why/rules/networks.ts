import type { Rule } from '../failure-rules.ts'

/** What keeps a pod from the network. */
export const networkRules: readonly Rule[] = [
  {
    words: /there is no network namespace at|attachment record that cannot be read/,
    layer: 'container runtime',
    what: 'the network namespace of the pod has gone, or the note of how it was attached',
    next: () => 'remove the pod; the kubelet makes it anew by itself',
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
    words: /no IP addresses available|no addresses? (is |are )?(available|left)|address pool|ip_?pool/i,
    layer: 'network (CNI)',
    what: 'the pod network has no free address on this node',
    next: () => 'remove pods, or give the node a larger range; berth check finds addresses that nobody uses any more',
  },
  {
    words: /gave the pod no address/,
    layer: 'network (CNI)',
    what: 'the CNI plugins did their work, and gave the pod no address',
    next: () => 'check the "ipam" part of the CNI configuration',
  },
  {
    words: /CNI plugin "([^"]*)"|plugin type="([^"]*)"|failed to (setup|set up|create pod) network|networkPlugin/i,
    layer: 'network (CNI)',
    what: 'a CNI plugin failed',
    next: ([, ours, theirs]) =>
      `the words of ${ours || theirs ? `"${ours ?? theirs}"` : 'the plugin'} say why; look at the log and the state of the network add-on`,
  },
]
