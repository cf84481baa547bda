/** What a line of each kind has behind its number: nothing, or 4000 characters. */
export type LineKind = 'short' | 'long'

const longText = '0'.repeat(4000)

/** The n-th line that the script writes in a round, without the newline; the first is number 1. */
export const lineOf = (kind: LineKind, number: number): string =>
  kind === 'short' ? String(number) : `${number} ${longText}`

export const endLine = (round: number): string => `end ${round}`

/**
 * A shell script that writes lines as fast as it can, whenever it is told to: it waits until /bench/go-ROUND, a named pipe, is
 * opened for writing, then reads from /bench/order what to write.
 */
export const logScript = (name: string): string => `
long=$(printf '%0${longText.length}d' 0)
echo up ${name}
round=0
while :; do
  : </bench/go-$round
  read -r kind lines </bench/order
  if [ $kind = short ]; then
    seq 1 $lines
  else
    line=1
    while [ $line -le $lines ]; do echo "$line $long"; line=$((line + 1)); done
  fi
  echo end $round
  round=$((round + 1))
done`

/** What is written to /bench/order. */
export const orderOf = (kind: LineKind, lines: number): string => `${kind} ${lines}\n`
