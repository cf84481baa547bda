/** The labels that the kubelet puts on sandboxes and containers, and that `berth run -f` puts there too. */
export const podNameLabel = 'io.kubernetes.pod.name'
export const podNamespaceLabel = 'io.kubernetes.pod.namespace'
export const podUidLabel = 'io.kubernetes.pod.uid'
export const containerNameLabel = 'io.kubernetes.container.name'

type Labels = Readonly<Record<string, string>>

export const podNameOf = (labels: Labels) => labels[podNameLabel] ?? ''
export const podNamespaceOf = (labels: Labels) => labels[podNamespaceLabel] ?? ''
export const podUidOf = (labels: Labels) => labels[podUidLabel] ?? ''
