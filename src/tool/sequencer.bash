# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#
# bash completion for sequencer(1). Works with or without the bash-completion package.

_sequencer_options() { # VERB
  case $1 in
    create)
      printf '%s\n' --start --maximum --max-gap --durability --block --max-block --unordered \
        --volatile-storage
      ;;
    next) printf '%s\n' --count --block --volatile-storage ;;
    list) printf '%s\n' --json --names ;;
    inspect | verify | holes) printf '%s\n' --json ;;
    watch) printf '%s\n' --interval --count ;;
    adopt) printf '%s\n' --floor --volatile-storage ;;
    backup | restart | drop | range | session) printf '%s\n' --volatile-storage ;;
    define | alter)
      printf '%s\n' --start --increment --minimum --maximum --cache --max-gap --cycle --no-cycle \
        --volatile-storage
      [[ $1 == define ]] || printf '%s\n' --no-minimum --no-maximum --restart --restart-with
      ;;
    nextval) printf '%s\n' --count --volatile-storage ;;
    setval) printf '%s\n' --not-called --volatile-storage ;;
    topology) printf '%s\n' --json --xml --synthetic --measure --help && return ;;
    doctor) printf '%s\n' --json --root --help && return ;;
  esac
  printf '%s\n' --live-directory --help
}

# The words of the line that are neither options nor their values.
_sequencer_positionals() {
  local at word
  positionals=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    case $word in
      --start | --maximum | --max-gap | --durability | --block | --max-block | --count | -n | \
        --interval | -i | --floor | --live-directory | --xml | --synthetic | --root | \
        --increment | --minimum | --cache | --restart-with)
        # The only one that takes a value for some verbs and none for others.
        [[ $word == --block && ${positionals[0]-} == next ]] || at=$((at + 1))
        ;;
      -*) ;;
      *) positionals+=("$word") ;;
    esac
  done
}

_sequencer_files() { # KIND
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

_sequencer_words() { # WORD...
  mapfile -t COMPREPLY < <(IFS=$'\n' && compgen -W "$*" -- "$current")
}

# Names of the sequences in the file that stands on the line, quoted for the shell.
_sequencer_names() {
  local file=${positionals[1]} name
  [[ $file == '~'* ]] && file=$HOME${file#\~}
  while IFS= read -r name; do
    if [[ $name == "$current"* ]]; then COMPREPLY+=("$(printf '%q' "$name")"); fi
  done < <("${COMP_WORDS[0]}" list "$file" --names 2>/dev/null)
}

_sequencer() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local -a positionals
  COMPREPLY=()
  _sequencer_positionals
  local verb=${positionals[0]-}

  case $previous in
    --durability) _sequencer_words ahead each memory && return ;;
    --live-directory | --root) _sequencer_files -d && return ;;
    --xml) _sequencer_files -f && return ;;
    --start | --maximum | --max-gap | --max-block | --count | -n | --interval | -i | --floor | \
      --synthetic | --increment | --minimum | --cache | --restart-with)
      return
      ;;
    --block) [[ $verb == create ]] && return ;;
  esac
  if [[ -z $verb ]]; then
    _sequencer_words create next list inspect verify holes watch adopt backup topology doctor \
      define alter restart drop nextval setval range session --help --version
  elif [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_sequencer_options "$verb")" -- "$current")
  elif [[ $verb == topology || $verb == doctor ]]; then
    return
  elif ((${#positionals[@]} == 1)); then
    _sequencer_files -f
  else
    case $verb:${#positionals[@]} in
      next:2 | holes:2 | watch:*) _sequencer_names ;;
      alter:2 | restart:2 | drop:2 | nextval:2 | setval:2 | range:2) _sequencer_names ;;
      backup:2) _sequencer_files -f ;;
    esac
  fi
}

complete -F _sequencer sequencer
