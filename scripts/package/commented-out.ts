/** The configuration that a package installs: every key as a comment, so that a default may change with an upgrade. */
export function commentedOut(reference: string): string {
  const lines = reference.trimEnd().split('\n')
  const comments = lines.map((line) => (line === '' || line.startsWith('#') ? line : `# ${line}`))
  return `${head}\n${comments.join('\n')}\n`
}

const head = `# Configuration of berthd. All keys are here, as comments, with their defaults. To set one, take the "# " away from its
# line and from that of its [table]. berthd reads the file when it changes; berth config check says whether it is valid. What is
# marked "needs a restart" counts after systemctl restart berth (pods run on).
`
