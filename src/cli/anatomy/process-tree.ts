import type { ContainerAnatomy } from './pod-anatomy.ts'
import type { Process } from './processes.ts'

interface Node {
  readonly label: string
  readonly process: Process
  /** It runs in a container. */
  readonly isInside: boolean
  readonly children: Node[]
}

/** How much of a command line is shown, in characters. */
const shown = 90

/** Who starts containers; what has started these in turn (an init system, a shell) says nothing about the pod. */
const runtimes = /^(berthd|berth-shim|containerd.*|conmon.*|crio|dockerd|cri-dockerd)$/

/** Rows of a tree: whoever started the containers, and all that runs in them. The header is the first. */
export function processTree(containers: readonly ContainerAnatomy[]): string[][] {
  const roots: Node[] = []
  for (const { name, ancestors, processes } of containers) {
    let level = roots
    for (const process of ancestors.slice(firstOfRuntime(ancestors))) {
      level = enter(level, { label: programOf(process.command), process, isInside: false, children: [] })
    }
    const path: Node[][] = [level]
    for (const { process, depth } of processes) {
      const label = depth === 0 ? name : programOf(process.command)
      path[depth + 1] = enter(path[depth] ?? level, { label, process, isInside: true, children: [] })
    }
  }
  return [['PROCESSES', 'PID', 'IN IT', 'USER', 'COMMAND'], ...roots.flatMap((root) => rowsOf(root, '', ''))]
}

function firstOfRuntime(ancestors: readonly Process[]): number {
  const at = ancestors.findIndex(({ command }) => runtimes.test(programOf(command)))
  return at === -1 ? Math.max(0, ancestors.length - 1) : at
}

/** The children of the node, which is that of before if it is there already. */
function enter(level: Node[], node: Node): Node[] {
  const known = level.find(({ process }) => process.pid === node.process.pid)
  if (known) return known.children
  level.push(node)
  return node.children
}

function rowsOf({ label, process, isInside, children }: Node, branch: string, below: string): string[][] {
  const { pid, inside, uid, command } = process
  const short = command.length > shown ? `${command.slice(0, shown - 1)}…` : command
  return [
    [`${branch}${label}`, String(pid), isInside ? String(inside) : '', String(uid), short],
    ...children.flatMap((child, at) =>
      at === children.length - 1
        ? rowsOf(child, `${below}└─ `, `${below}   `)
        : rowsOf(child, `${below}├─ `, `${below}│  `),
    ),
  ]
}

/** `berth-shim` of `/usr/lib/berth/node --x /usr/lib/berth/dist/berth-shim.js …`, `berthd` unbuilt; else the program's name. */
function programOf(command: string): string {
  if (/\/src\/(daemon|shim)\/main\.ts\b/.test(command))
    return command.includes('/src/daemon/') ? 'berthd' : 'berth-shim'
  const script = /\/([\w-]+)\.js\b/.exec(command)?.[1]
  return script ?? (command.split(' ')[0] ?? '').replace(/^.*\//, '')
}
