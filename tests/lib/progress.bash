# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#
# COMMAND | follow KIND TITLE
# Shows how far COMMAND is and the time left while it runs, keeps its output in a log (its path
# in $last_log) and, for tests, shows what failing ones printed. KIND says how the output tells
# its progress: ninja, ctest, apt, or lines. On a terminal one line is redrawn; elsewhere a plain
# line comes out at most every ten seconds. Use with `set -o pipefail`: follow itself succeeds.

log_dir=${log_dir:-$(mktemp -d)}
last_log=$log_dir/last.log

clock() { # SECONDS -> m:ss
  printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# Reads "done total" out of a line of output; fails on other lines.
progress_in() {
  case $1 in
    ninja) [[ $2 =~ ^\[([0-9]+)/([0-9]+)\] ]] ;;
    ctest) [[ $2 =~ ^\ *([0-9]+)/([0-9]+)\ Test\ +\# ]] ;;
    apt) [[ $2 =~ ^(pm|dl)status:[^:]*:([0-9]+) ]] ;;
    *) return 1 ;;
  esac || return 1
  if [[ $1 == apt ]]; then
    # Fetching is taken for the first third of the work.
    local percent=${BASH_REMATCH[2]}
    if [[ ${BASH_REMATCH[1]} == dl ]]; then percent=$((percent / 3)); else
      percent=$((33 + percent * 2 / 3))
    fi
    at=$percent total=100
  else
    at=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
  fi
}

show_progress() { # TITLE STARTED
  local spent=$((EPOCHSECONDS - $2)) text
  if ((spent < 1)); then return; fi
  if ((at > 0 && total > 0)); then
    text="$1: $at of $total, $(clock $spent), about $(clock $((spent * (total - at) / at))) left"
  else
    text="$1: $(clock $spent)"
  fi
  if [[ -t 1 ]]; then
    printf '\r\033[K%s' "${text:0:${COLUMNS:-100}}"
  elif ((spent >= 5 && EPOCHSECONDS - shown >= 10)); then
    echo "  $text"
    shown=$EPOCHSECONDS
  fi
}

follow() { # KIND TITLE
  local kind=$1 title=$2 line status started=$EPOCHSECONDS shown=0 at=0 total=0 drawn=0 failing=0
  last_log=$log_dir/last.log
  : >"$last_log"
  while :; do
    status=0
    IFS= read -r -t 1 line || status=$?
    if ((status > 128)); then
      show_progress "$title" "$started"
      continue
    fi
    if ((status != 0)) && [[ -z $line ]]; then break; fi
    echo "$line" >>"$last_log"
    if progress_in "$kind" "$line"; then failing=0; fi
    if [[ $kind == ctest ]]; then show_failure "$line"; fi
    if ((EPOCHSECONDS != drawn)); then
      show_progress "$title" "$started"
      drawn=$EPOCHSECONDS
    fi
  done
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
  echo "  $title: $(clock $((EPOCHSECONDS - started)))"
}

# Passes on what failing tests printed: everything between a failed test's line and the next
# test's line. Uses the caller's `failing`.
show_failure() {
  if [[ $1 =~ ^\ *[0-9]+/[0-9]+\ Test\ +\# ]]; then
    if [[ $1 == *'***'* && $1 != *'***Skipped'* && $1 != *'(Disabled)'* ]]; then failing=1; fi
  elif [[ $1 =~ ^\ +Start\ +[0-9]+: || $1 =~ ^[0-9]+%\ tests\ passed ]]; then
    failing=0
  fi
  if ((failing)); then
    if [[ -t 1 ]]; then printf '\r\033[K'; fi
    echo "    $1"
  fi
}
