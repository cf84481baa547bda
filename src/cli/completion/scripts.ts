/**
 * The scripts that make shells ask `berth __complete`. It is given the words up to the cursor, the last one being what is
 * completed, and answers with a line for each candidate: the word, a tab, and what it is. The line `:files` means: files.
 */
export const scripts = {
  bash: `# berth completion bash: . <(berth completion bash), or put it into /etc/bash_completion.d/berth
_berth() {
  local words line value current prefix
  # Bash breaks words at colons, and berth does not: the line is split anew, at blanks.
  read -ra words <<<"\${COMP_LINE:0:COMP_POINT}"
  [[ "\${COMP_LINE:0:COMP_POINT}" == *[[:space:]] ]] && words+=('')
  current="\${words[\${#words[@]}-1]}"
  prefix="\${current%"\${COMP_WORDS[COMP_CWORD]}"}"
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ "$line" == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$current")
      continue
    fi
    value="\${line%%$'\\t'*}"
    [[ "$value" == "$current"* ]] || continue
    [[ "$value" == */ || "$value" == *= ]] && compopt -o nospace 2>/dev/null
    COMPREPLY+=("\${value#"$prefix"}")
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _berth berth
`,
  zsh: `#compdef berth
# berth completion zsh >"\${fpath[1]}/_berth", or: source <(berth completion zsh)
_berth() {
  local -a values abouts
  local line value about
  while IFS= read -r line; do
    if [[ "$line" == :files ]]; then
      _files
      continue
    fi
    value="\${line%%$'\\t'*}"
    about="\${line#*$'\\t'}"
    values+=("$value")
    if [[ "$about" == "$line" || -z "$about" ]]; then abouts+=("$value"); else abouts+=("$value -- $about"); fi
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#values} )) && compadd -l -d abouts -a values
  return 0
}
if [[ "\${funcstack[1]}" == _berth ]]; then _berth "$@"; else compdef _berth berth; fi
`,
  fish: `# berth completion fish >~/.config/fish/completions/berth.fish
function __berth_complete
  set -l words (commandline -opc)
  for line in ($words[1] __complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if test "$line" = ':files'
      __fish_complete_path (commandline -ct)
    else
      printf '%s\\n' "$line"
    end
  end
end
complete -c berth -f -a '(__berth_complete)'
`,
} as const

export type Shell = keyof typeof scripts
