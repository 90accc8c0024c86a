#!/bin/sh
# greet.sh NAME [LANGUAGE]: a friendly line on standard output.
set -eu
name=${1:?"usage: greet.sh NAME [LANGUAGE]"}
case ${2:-en} in
  en) echo "Hello, $name!" ;;
  de) echo "Hallo, $name!" ;;
  fr) echo "Bonjour, $name !" ;;
  *) echo "greet.sh: no greeting in ${2}" >&2; exit 3 ;;
esac
