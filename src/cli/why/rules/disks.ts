import type { Rule } from '../failure-rules.ts'

/** Of every call: a disk that is full, or takes no writes. */
export const diskRules: readonly Rule[] = [
  {
    words: /no space (is )?left|ENOSPC|disk quota exceeded|database or disk is full/i,
    layer: 'disk',
    what: 'a disk of this node is full',
    next: () => 'make room: df -h shows which; berth images and berth rmi, berth gc --dry-run show what images take',
  },
  {
    words: /read-only file ?system|EROFS|readonly database/i,
    layer: 'disk',
    what: 'a disk of this node takes no writes',
    next: () => 'dmesg says why the kernel made it read-only; mount it for writing again',
  },
  {
    words: /the record cannot be written to|check its disk/,
    layer: 'disk',
    what: 'what the runtime keeps on its disk cannot be written',
    next: () => 'look at that disk: df -h, dmesg; berth check says what came of it',
  },
]
