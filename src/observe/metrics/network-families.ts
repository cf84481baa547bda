import type { InterfaceUsage, Traffic } from '../network-usage.ts'
import type { MetricFamily } from './metric.ts'

type Interfaces = readonly InterfaceUsage[]

/** Of the pod as a whole: its containers share the network. */
export const networkFamilies: readonly MetricFamily<Interfaces>[] = [
  ...families('receive', 'received', ({ received }) => received),
  ...families('transmit', 'sent', ({ sent }) => sent),
]

function families(
  direction: string,
  participle: string,
  traffic: (usage: InterfaceUsage) => Traffic,
): MetricFamily<Interfaces>[] {
  const family = (name: string, help: string, value: (traffic: Traffic) => number): MetricFamily<Interfaces> => ({
    name: `container_network_${direction}_${name}_total`,
    help,
    type: 'counter',
    labels: ['interface'],
    values: (interfaces) => interfaces.map((each) => ({ value: value(traffic(each)), labels: [each.name] })),
  })
  return [
    family('bytes', `Bytes ${participle}.`, ({ bytes }) => bytes),
    family('packets', `Packets ${participle}.`, ({ packets }) => packets),
    family('packets_dropped', `Packets dropped that were to be ${participle}.`, ({ dropped }) => dropped),
    family('errors', `Errors with packets ${participle}.`, ({ errors }) => errors),
  ]
}
