import type { ContainerSource } from './container-source.ts'
import { cpuFamilies, pressureFamilies } from './cpu-families.ts'
import { diskFamilies } from './disk-families.ts'
import { memoryFamilies } from './memory-families.ts'
import type { MetricFamily } from './metric.ts'
import { networkFamilies } from './network-families.ts'
import { ownerLabels } from './owner.ts'
import { processFamilies, specFamilies } from './process-families.ts'

export interface MetricDescriptor {
  readonly name: string
  readonly help: string
  readonly labelKeys: readonly string[]
}

export const containerFamilies: readonly MetricFamily<ContainerSource>[] = [
  ...cpuFamilies,
  ...memoryFamilies,
  ...diskFamilies,
  ...processFamilies,
  ...specFamilies,
  ...pressureFamilies,
]

/** Every metric that there can be, by the names that cAdvisor gave them. */
export const metricDescriptors: readonly MetricDescriptor[] = [...containerFamilies, ...networkFamilies].map(
  ({ name, help, labels = [] }) => ({ name, help, labelKeys: [...ownerLabels, ...labels] }),
)
