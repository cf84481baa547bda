import type { RuntimeService } from '../../gen/cri_pb.ts'
import { metricDescriptors } from '../../observe/metrics/descriptors.ts'
import type { HandlerOf } from '../handlers.ts'

export const listMetricDescriptors: HandlerOf<typeof RuntimeService, 'listMetricDescriptors'> = () => ({
  descriptors: metricDescriptors.map(({ name, help, labelKeys }) => ({ name, help, labelKeys: [...labelKeys] })),
})
