/** The versions of Kubernetes' remotecommand protocol, in the order in which this side prefers them. */
export const remoteCommandProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
] as const

export type RemoteCommandProtocol = (typeof remoteCommandProtocols)[number]

/** What a version of the protocol can do. */
export interface RemoteCommandFeatures {
  /** The outcome is a metav1.Status in JSON; before v4 it is plain text, and only errors are told. */
  readonly jsonStatus: boolean
  /** There is a stream of terminal sizes. */
  readonly resize: boolean
}

export function featuresOf(protocol: RemoteCommandProtocol): RemoteCommandFeatures {
  switch (protocol) {
    case 'v5.channel.k8s.io':
    case 'v4.channel.k8s.io':
      return { jsonStatus: true, resize: true }
    case 'v3.channel.k8s.io':
      return { jsonStatus: false, resize: true }
    case 'v2.channel.k8s.io':
    case 'channel.k8s.io':
      return { jsonStatus: false, resize: false }
  }
}
