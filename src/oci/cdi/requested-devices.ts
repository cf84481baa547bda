import type { ContainerConfig } from '../../gen/cri_pb.ts'
import { parseDeviceName } from './cdi-spec.ts'

/** Before the name of an annotation whose value names devices, with commas between them. */
const annotationPrefix = 'cdi.k8s.io/'

/** The full names of the CDI devices that a container asks for, by field and by annotation, each once. */
export function requestedCdiDevices(container: Pick<ContainerConfig, 'CDIDevices' | 'annotations'>): string[] {
  const byField = container.CDIDevices.map(({ name }) => name)
  const byAnnotation = Object.entries(container.annotations)
    .filter(([key]) => key.startsWith(annotationPrefix))
    .flatMap(([, value]) => value.split(',').map((name) => name.trim()))
  const names = [...new Set([...byField, ...byAnnotation])]
  for (const name of names) parseDeviceName(name)
  return names
}
