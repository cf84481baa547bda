import type { Hook, HookStage, Spec } from '../runtime-spec.ts'
import type { HookFile } from './hook-files.ts'

/** What decides whether a hook runs for a container, beside its command. */
export interface HookFacts {
  /** Those of the pod and of the container. */
  readonly annotations: Readonly<Record<string, string>>
  readonly hasBindMounts: boolean
}

/** The spec of a container with the hooks added whose conditions it meets. */
export function withHookFiles(spec: Spec, files: readonly HookFile[], facts: HookFacts): Spec {
  const matching = files.filter(({ when }) => matches(when, spec.process.args[0] ?? '', facts))
  if (matching.length === 0) return spec
  const hooks: Partial<Record<HookStage, readonly Hook[]>> = { ...spec.hooks }
  for (const { hook, stages } of matching) {
    const { path, args, env, timeout } = hook
    const entry = { path, ...(args && { args }), ...(env && { env }), ...(timeout && { timeout }) }
    for (const stage of stages) hooks[stage] = [...(hooks[stage] ?? []), entry]
  }
  return { ...spec, hooks }
}

/** Every condition that is given must hold, and at least one must be given. */
function matches(when: HookFile['when'], command: string, facts: HookFacts): boolean {
  const { always, hasBindMounts, annotations, commands } = when
  const conditions = [
    ...(always === undefined ? [] : [always]),
    ...(hasBindMounts === undefined ? [] : [hasBindMounts === facts.hasBindMounts]),
    ...Object.entries(annotations).map(([key, value]) =>
      Object.entries(facts.annotations).some(
        ([name, text]) => new RegExp(key).test(name) && new RegExp(value).test(text),
      ),
    ),
    ...(commands.length === 0 ? [] : [commands.some((pattern) => new RegExp(pattern).test(command))]),
  ]
  return conditions.length > 0 && conditions.every(Boolean)
}
