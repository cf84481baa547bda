/**
 * Replaces `$(NAME)` by the variable's value, as Kubernetes does in command, args and env values. A name without a
 * variable
 * stays as it is written; `$$(NAME)` stands for a literal `$(NAME)`.
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (reference, name: string | undefined) =>
    name === undefined ? '$' : (variables.get(name) ?? reference),
  )
}
