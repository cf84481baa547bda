import type { Images } from '../image/images.ts'
import type { Pods } from '../pod/pods.ts'
import type { Finding } from '../state/finding.ts'
import type { AdminCall } from './admin-images.ts'

/** The admin calls of `berth check` and `berth gc`: both show the same findings. */
export function orderCalls({
  pods,
  images,
}: {
  readonly pods: Pods
  readonly images: Images
}): Record<string, AdminCall> {
  return {
    'GET /v1/check': async () => ({ findings: [...pods.check(), ...unusedImageFiles(images)] }),
    'GET /v1/gc': async () => ({ items: images.inventory(), findings: pods.check() }),
    'POST /v1/gc': async () => {
      const items = images.inventory().filter(({ unused }) => unused)
      const [findings] = await Promise.all([pods.reconcile(), images.sweep()])
      return { items, findings }
    },
  }
}

function unusedImageFiles(images: Images): Finding[] {
  const unused = images.inventory().filter((item) => item.unused)
  return unused.map(({ kind, path, bytes }) => {
    const problem = `is a ${kind} of ${bytes} bytes in the image store that nobody needs`
    return { kind: 'image', subject: path, problem, remedy: 'sweep' }
  })
}
