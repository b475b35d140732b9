# Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#
# need_packages PURPOSE "NAME: WHY"...
# Installs what is missing with apt, after saying what and why. Without root it prints the exact
# line to run and exits 2. On systems without dpkg it says what it would want, and goes on.

need_packages() {
  local purpose=$1 wish name missing=() as_root=()
  shift
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian: taking what is installed. Wanted:"
    printf '  %s\n' "$@"
    return 0
  fi
  for wish in "$@"; do
    name=${wish%%:*}
    # The status file may list the package as removed: only `installed` counts.
    if [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) != installed ]]; then
      missing+=("$name")
      if ((${#missing[@]} == 1)); then echo "Missing packages for $purpose:"; fi
      echo "  $name: ${wish#*: }"
    fi
  done
  if ((${#missing[@]} == 0)); then return 0; fi

  if ((EUID != 0)); then
    as_root=(sudo)
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      echo "They are installed by root. Please run this line, then start again:"
      echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
      exit 2
    fi
  fi
  echo "Installing them with apt-get."
  "${as_root[@]}" apt-get update 2>&1 | follow apt "package lists" || {
    echo "apt-get update failed:"
    tail -n 20 "$last_log"
    exit 2
  }
  # apt reports "pmstatus:NAME:PERCENT:WHAT" and "dlstatus:N:PERCENT:WHAT" on the descriptor.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends -o APT::Status-Fd=1 "${missing[@]}" 2>&1 </dev/null |
    follow apt "installing ${#missing[@]} packages" || {
    echo "apt-get install failed:"
    tail -n 20 "$last_log"
    exit 2
  }
}
