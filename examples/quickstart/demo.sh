#!/usr/bin/env bash
# The quickstart as a story: desired state becomes real, a check mark and a time
# a line. It stops, loudly and with an exit code, at the first thing that is not observed.
# Run it by `make demo`, which builds bin/ first.
#
# `demo.sh prepare` only makes what the manifests name: an image and a git repository.
set -euo pipefail
cd "$(dirname "$0")/../.."

quickstart=examples/quickstart
state=.powernode/demo
repo=/tmp/powernode-quickstart/greeter
export PNCTL_CONFIG=$PWD/$state/admin.kubeconfig KUBECONFIG=$PWD/$state/admin.kubeconfig
export HOME=${HOME:-$state} PATH=$PWD/bin:$PATH
out=$state/out
mkdir -p "$state"
began=$(date +%s%N)

# --- telling the story -----------------------------------------------------

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' off=$'\e[0m'; else green='' red='' dim='' off=''; fi

seconds_since() { awk -v a="$1" -v b="$(date +%s%N)" 'BEGIN { printf "%.1f", (b - a) / 1e9 }'; }
chapter() { printf '\n%s\n' "$*"; }
show() { sed "s/^/        ${dim}| /; s/\$/${off}/"; }

fail() {
  printf '  %s✗ %s%s\n' "$red" "$*" "$off" >&2
  [ ! -s "$out" ] || tail -n 20 "$out" >&2
  [ ! -s "$state/pnserver.log" ] || { echo "--- the end of $state/pnserver.log" >&2; tail -n 20 "$state/pnserver.log" >&2; }
  exit 1
}

# observe WORDS COMMAND...: the command must succeed; its output goes to $out.
observe() {
  local words=$1 start; shift
  start=$(date +%s%N)
  "$@" >"$out" 2>&1 || fail "$words: $*"
  printf '  %s✓%s %5ss  %s\n' "$green" "$off" "$(seconds_since "$start")" "$words"
}

# eventually COMMAND...: try until it succeeds, for a minute.
eventually() {
  local deadline=$(($(date +%s) + 60))
  until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

wait_for() { pnctl wait --for="$1" "$2" --timeout="${3:-60s}"; }

# --- the world that it plays in ---------------------------------------------

stop_server() {
  local pid
  pid=$(cat "$state/pnserver.pid" 2>/dev/null) || return 0
  if kill -TERM "$pid" 2>/dev/null; then
    for _ in $(seq 1 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    ! kill -0 "$pid" 2>/dev/null || return 1
  fi
  rm -f "$state/pnserver.pid"
}

start_server() {
  mkdir -p "$state"
  setsid bin/pnserver serve --listen 127.0.0.1:0 --data-dir "$state" --log-format json >"$state/pnserver.log" 2>&1 </dev/null &
  echo $! >"$state/pnserver.pid"
  eventually server_ready
}

server_ready() {
  kill -0 "$(cat "$state/pnserver.pid")" 2>/dev/null || fail "pnserver ended"
  [ "$(pnctl get --raw /readyz 2>/dev/null)" = ok ]
}

make_image() { # make_image TAG: a static binary of this repository, as an image
  tar -C "$state/image" -c hello | docker import --change 'ENTRYPOINT ["/hello"]' - "powernode/hello:$1"
}

make_images() {
  mkdir -p "$state/image"
  CGO_ENABLED=0 go build -trimpath -o "$state/image/hello" "./$quickstart/hello"
  make_image v1
  make_image v2
}

make_repository() { # the greeter's files, committed to a git repository of their own
  rm -rf "$repo"
  mkdir -p "$repo"
  cp -r "$quickstart/greeter/." "$repo"
  (
    cd "$repo"
    git init -q -b main .
    git -c core.fileMode=true add -A
    git -c user.name=Quickstart -c user.email=quickstart@example.com commit -q -m "A greeter with tests"
  )
}

uids() { pnctl get ci -o jsonpath='{.items[*].metadata.uid}'; }
container_of() { docker ps -q --filter label=powernode.io/uid="$(pnctl get ci "$1" -o jsonpath='{.metadata.uid}')"; }
running_other_than() { # running_other_than NAME ID: one container of NAME runs, and it is not ID
  local now
  now=$(container_of "$1")
  [ "$(echo "$now" | wc -w)" = 1 ] && [ "$now" != "$2" ]
}
greets() { docker logs "$(container_of hello)" 2>&1 | grep -q "$1"; }
none_left() { # none_left UID...: no container of these objects is there, running or not
  local uid
  for uid in "$@"; do [ -z "$(docker ps -aq --filter label=powernode.io/uid="$uid")" ] || return 1; done
}
none_named() { [ -z "$(pnctl get ci "$1" --ignore-not-found -o name)" ]; }
says() { grep -q -- "$1" "$out"; }

if [ "${1:-}" = prepare ]; then
  make_images >"$out"
  make_repository
  exit
fi

trap 'stop_server || true' EXIT

# --- the story ----------------------------------------------------------------

chapter "A control plane from nothing"
stop_server || fail "the server of an earlier demo does not stop"
observe "an image made of a static binary, and a git repository" eval 'make_images && make_repository'
observe "pnserver with a PostgreSQL of its own is ready" start_server
left=$(uids)
observe "what an earlier demo left is gone" pnctl delete -f $quickstart --ignore-not-found --timeout=60s
eventually none_left $left || fail "containers of an earlier demo are still there"

chapter "Desired state becomes real: pnctl apply -f $quickstart"
observe "applied" pnctl apply -f $quickstart
show <"$out"
observe "DockerHost local is connected" wait_for jsonpath='{.status.phase}'=connected dh/local
observe "ContainerInstance count ran to its end" wait_for condition=Complete ci/count
observe "its log was kept" pnctl logs ci/count
says "counted 23 letters in 4 words" || fail "the log of count does not say what it counted"
show <"$out"
observe "ContainerInstance hello is running" wait_for jsonpath='{.status.phase}'=running ci/hello

chapter "A pipeline on a real git repository: pnctl run greeter -p name=Ada -p language=fr"
observe "checkout, test, greet, pack, keep: success" pnctl run greeter -p name=Ada -p language=fr --watch
says "Bonjour, Ada" || fail "the output of step greet did not reach step pack"
says "ok 5 - refuses an unknown language with 3" || fail "the repository's tests did not run"
show <"$out"
run=$(pnctl get pr -o name --sort-by=.metadata.creationTimestamp | tail -n 1)
observe "its artifact is collected" pnctl artifacts "${run#*/}" greeter -o "$state/greeter.tar.gz"
observe "and holds what the steps made" tar -tzf "$state/greeter.tar.gz"
says greeting.txt || fail "the artifact lacks greeting.txt"
show <"$out"

chapter "It stays so"
before=$(container_of hello)
observe "docker rm -f of the service's container" docker rm -f "$before"
observe "and it is back" eventually running_other_than hello "$before"
before=$(container_of hello)
observe "another image and greeting are applied" pnctl patch ci hello --type=merge -p '{"spec":{"image":"powernode/hello:v2","env":[{"name":"GREETING","value":"hello from version 2"}]}}'
observe "the container is rolled" eventually running_other_than hello "$before"
observe "and the new one greets" eventually greets "hello from version 2"

chapter "A broken manifest changes nothing"
sed -e 's/name: count/name: broken/' -e 's/timeoutSeconds: 60/timeoutSeconds: sixty/' $quickstart/2-job.yaml >"$state/broken.yaml"
if pnctl apply -f "$state/broken.yaml" >"$out" 2>&1; then fail "a broken manifest was accepted"; fi
says spec.timeoutSeconds || fail "the error does not name the field"
show <"$out"
sed -e 's/name: hello$/name: broken/' -e 's/image:/imaeg:/' $quickstart/3-service.yaml >"$state/broken.yaml"
if pnctl apply -f "$state/broken.yaml" >"$out" 2>&1; then fail "an unknown field was accepted"; fi
says spec.imaeg || fail "the error does not name the unknown field"
show <"$out"
observe "refused with the field's path, and nothing is stored" none_named broken

chapter "The real kubectl: kubectl get dh,ci,pl,pr"
observe "lists it all" kubectl get dh,ci,pl,pr
says hello && says greeter || fail "kubectl does not list the objects"
show <"$out"

chapter "And away again: pnctl delete -f $quickstart"
left=$(uids)
observe "deleted" pnctl delete -f $quickstart --timeout=120s
observe "no container is left behind" eventually none_left $left
observe "pnserver stops, and its PostgreSQL with it" stop_server

printf '\n%sAll of it was observed, in %s s.%s What to try next:\n' "$green" "$(seconds_since "$began")" "$off"
cat <<'EOT'
  make run                                    keep a server running (data in .powernode)
  bin/pnctl apply -f examples/quickstart      the same objects, for you to change
  bin/pnctl get dh,ci,pl,pr -w                watch them
  bin/pnctl run greeter -p name=You --watch   run the pipeline (the demo left its repository in /tmp/powernode-quickstart)
  bin/pnctl explain pipeline.spec.steps       every field is documented
  kubectl --kubeconfig .powernode/admin.kubeconfig describe ci hello
EOT
