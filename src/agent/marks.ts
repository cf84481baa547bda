/**
 * What the agent writes on sandboxes and containers, for itself to read after a restart: it knows nothing else about
 * them. The
 * names in `io.kubernetes` and `kubernetes.io` are the kubelet's.
 */

/** Label of sandboxes and containers: the folder of manifests that they come from. */
export const agentLabel = 'io.berth.agent'

/** Label of sandboxes: the Deployment, as kind/namespace/name. */
export const deploymentLabel = 'io.berth.agent.deployment'

/** Annotation of sandboxes: the hash of the manifest. */
export const manifestHashAnnotation = 'kubernetes.io/config.hash'

/** Annotation of sandboxes: the name of the file in the folder. */
export const fileAnnotation = 'io.berth.agent/file'

/** Annotation of containers: milliseconds to wait after its end until it is started again. */
export const backOffAnnotation = 'io.berth.agent/back-off-ms'

/** Annotation of containers: its preStop hook, an Action in JSON. */
export const preStopAnnotation = 'io.berth.agent/pre-stop'

/** Annotation of sidecars: their place among the init containers. */
export const sidecarAnnotation = 'io.berth.agent/sidecar'

/** Annotation of containers: the seconds that it has to end by itself. */
export const graceAnnotation = 'io.kubernetes.pod.terminationGracePeriod'

export const messagePolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy'
