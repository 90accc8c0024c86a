#!/bin/sh
# Tests of greet.sh, in TAP.
cd "$(dirname "$0")/.." || exit 1
count=0 failed=0

check() { # check DESCRIPTION WANT GOT
  count=$((count + 1))
  if [ "$2" = "$3" ]; then
    echo "ok $count - $1"
  else
    echo "not ok $count - $1: want '$2', got '$3'"
    failed=$((failed + 1))
  fi
}

check "greets in English by default" "Hello, Ada!" "$(./greet.sh Ada)"
check "greets in German" "Hallo, Ada!" "$(./greet.sh Ada de)"
check "greets in French" "Bonjour, Ada !" "$(./greet.sh Ada fr)"
check "keeps spaces in a name" "Hello, Ada Lovelace!" "$(./greet.sh 'Ada Lovelace')"
./greet.sh Ada tlh >/dev/null 2>&1
check "refuses an unknown language with 3" 3 $?
./greet.sh >/dev/null 2>&1
check "needs a name" 2 $?

echo "1..$count"
[ "$failed" -eq 0 ]
