/**
 * The scripts that `completions SHELL` prints. They hold no knowledge: each asks the program, by its hidden command `complete`,
 * with what was typed. A room's id is chosen by others, so no script may have its shell expand one: none uses `compgen -W`,
 * `eval`, or an unquoted expansion, and what is inserted is quoted (bash: by the program; the others do it themselves).
 */

import { UsageError } from "../../mod.ts";
import { AUTO_PROGRAM, PROGRAM, suggest } from "../parse.ts";

const SCRIPTS = {
  // Bash 3.2, which macOS has, knows neither mapfile nor compopt.
  bash: `# bash completion for ${PROGRAM}. For this shell:
#   source <(${PROGRAM} completions bash)
_${PROGRAM}() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("$word")
    fi
  done < <("\${1/#\\~\\//$HOME/}" complete bash "\${COMP_LINE:0:COMP_POINT}" "$2" </dev/null 2>/dev/null)
}
complete -F _${PROGRAM} ${PROGRAM} ${AUTO_PROGRAM}
`,
  zsh: `#compdef ${PROGRAM} ${AUTO_PROGRAM}
# zsh completion for ${PROGRAM}. For this shell, after compinit:
#   source <(${PROGRAM} completions zsh)
_${PROGRAM}() {
  local line
  local -a found shown
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    found+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  }")
  done < <("\${(Q)words[1]}" complete zsh "\${(@Q)words[1,CURRENT-1]}" "\${(Q)PREFIX}" </dev/null 2>/dev/null)
  compadd -l -d shown -a found
}
if [[ $funcstack[1] == _${PROGRAM} ]]; then
  _${PROGRAM} "$@"
else
  compdef _${PROGRAM} ${PROGRAM} ${AUTO_PROGRAM}
fi
`,
  fish: `# fish completion for ${PROGRAM}. For this shell:
#   ${PROGRAM} completions fish | source
function __${PROGRAM}
    set -l words (commandline -opc)
    for line in ($words[1] complete fish $words (commandline -ct) </dev/null 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            printf '%s\\n' $line
        end
    end
end
complete -c ${PROGRAM} -f -a '(__${PROGRAM})'
complete -c ${AUTO_PROGRAM} -f -a '(__${PROGRAM})'
`,
  powershell: `# PowerShell completion for ${PROGRAM}. For this shell:
#   ${PROGRAM} completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName ${PROGRAM}, ${AUTO_PROGRAM} -ScriptBlock {
  param($current, $line, $position)
  $words = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object {
    if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { "$_" }
  })
  # Before 7.3 an empty argument is lost on its way to a program.
  $last = "$current".Trim("'", '"')
  if ($last -eq '') { $last = ':empty' }
  & $words[0] complete powershell @words $last 2>$null | Where-Object { $_ -ne ':files' } | ForEach-Object {
    $value, $text = $_ -split "\`t", 2
    if (-not $text) { $text = $value }
    $insert = if ($value -match '^[\\w./:=-]+$') { $value } else { "'" + $value.Replace("'", "''") + "'" }
    [System.Management.Automation.CompletionResult]::new($insert, $value, 'ParameterValue', $text)
  }
}
`,
} as const;

/** The shells whose completions there are. */
export const SHELLS: readonly string[] = Object.keys(SCRIPTS);

/**
 * What `completions SHELL` prints.
 *
 * @throws {UsageError} no shell, or one that is not known
 */
export function formatScript(words: readonly string[]): string {
  const [shell = ""] = words;
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell as keyof typeof SCRIPTS] : undefined;
  if (script !== undefined && words.length === 1) return script;
  const near = suggest(shell, SHELLS);
  throw new UsageError(
    words.length === 0
      ? "Cannot print completions: no shell is named"
      : `Cannot print completions for ${JSON.stringify(words.join(" "))}: that is no shell that this program knows`,
    { hint: `${near === undefined ? "Give" : `Did you mean ${near}? Give`} one of ${SHELLS.join(", ")}.` },
  );
}
