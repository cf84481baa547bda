import type { ManifestDocument } from '../manifest/documents.ts'

const ofPods = ['terminationGracePeriodSeconds', 'activeDeadlineSeconds']
const ofContainers = ['startupProbe', 'readinessProbe', 'livenessProbe', 'lifecycle', 'terminationMessagePath']

/**
 * Names what only has an effect under an agent, which watches over the pods: `berth run -f` starts them once. A warning for each
 * object that asks for such things.
 */
export function supervisedFields(documents: readonly ManifestDocument[]): string[] {
  return documents.flatMap(({ kind, namespace, name, object }) => {
    const { spec } = object as { spec?: Spec & { template?: { spec?: Spec } } }
    const pod = kind === 'Pod' ? spec : spec?.template?.spec
    const fields = fieldsOf(pod ?? {}, kind === 'Pod' ? 'spec' : 'spec.template.spec')
    if (fields.length === 0) return []
    return [`${kind} ${namespace}/${name}: only berth agent heeds these fields: ${fields.join(', ')}`]
  })
}

type Spec = Readonly<Record<string, unknown>>

function fieldsOf(spec: Spec, path: string): string[] {
  const restart = spec['restartPolicy']
  const ownFields = ofPods.filter((key) => spec[key] !== undefined && spec[key] !== null)
  const own = [...(restart !== undefined && restart !== 'Never' ? ['restartPolicy'] : []), ...ownFields]
  const below = ['initContainers', 'containers'].flatMap((list) =>
    ((spec[list] ?? []) as Spec[]).flatMap((container, index) =>
      ofContainers.filter((key) => container[key]).map((key) => `${list}[${index}].${key}`),
    ),
  )
  return [...own, ...below].map((key) => `${path}.${key}`)
}
