#!/usr/bin/env bash
# The lab's walk-through of helm/README.md on a cluster: its own commands, read from there, and checks of what they promise.
#
#   helm/src/interop/walkthrough.sh REPOSITORY:TAG [OPTION OF HELM ...]
#
# Needs a kubectl context of an admin, helm, curl, jq and a default storage class. It makes the namespace of the walk-through,
# which must not be there yet, and deletes it. Options of helm are for what the cluster needs besides:
# "--set resources.requests.cpu=500m" where a node is small. Besides, by environment:
#
#   D3S_UPGRADE_TAG     what is upgraded to; the same image where absent, with a restart
#   D3S_PLUGIN          a jar with a plugin and a name that /v1/plugins then has, "path/to/x.jar=name": downloaded in the cluster
#   D3S_DATABASE        jdbc:postgresql://... that pods reach, with D3S_DATABASE_USER and D3S_DATABASE_PASSWORD: two servers
#                       on one home (a storage class with ReadWriteMany)
#   D3S_POSTGRESQL=1    two servers on the chart's own PostgreSQL
#   D3S_SEVERAL         options of helm for these, "--set resources.requests.cpu=1"
#   D3S_POLICY=1        the cluster enforces network policies: what should not come through is tried
#   D3S_DRAIN=0         leaves out the drain, where others use the node
#   D3S_PORT            the local port for port-forward, 8080
#   D3S_STEPS           of each job, 400: more where a job would end before it is disturbed
#
# Prints PASS or FAIL, what was looked at and what was seen; exits with 1 when something failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
README=helm/README.md
NAMESPACE=research
PORT=${D3S_PORT:-8080}
STEPS=${D3S_STEPS:-400}
IMAGE=${1:?"usage: $0 REPOSITORY:TAG [OPTION OF HELM ...]"}
shift
OPTIONS=(--set "image.tag=${IMAGE##*:}" "$@")
WORK=$(mktemp -d)
passed=0
failed=0
forward=

for tool in kubectl helm curl jq; do
    command -v "$tool" >/dev/null || { echo "There is no $tool." >&2; exit 2; }
done
if kubectl get namespace "$NAMESPACE" >/dev/null 2>&1; then
    echo "There is a namespace $NAMESPACE already: this would delete it." >&2
    exit 2
fi

pass() { passed=$((passed + 1)); printf 'PASS  %s: %s\n' "$1" "$2"; }
fail() { failed=$((failed + 1)); printf 'FAIL  %s: %s\n' "$1" "$2"; }

# expect WHAT PATTERN SEEN
expect() {
    local seen
    seen=$(tr -s '[:space:]' ' ' <<<"$3" | cut -c 1-300)
    if grep -Eq -- "$2" <<<"$3"; then pass "$1" "$seen"; else fail "$1" "expected /$2/, saw $seen"; fi
}

# until SECONDS COMMAND...: whether it came true in that time
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.5
    done
}

end() {
    set +e
    [ -z "$forward" ] || kill "$forward" 2>/dev/null
    for job in $(jobs -p); do kill "$job" 2>/dev/null; done
    [ "$failed" -eq 0 ] || diagnose >&2
    for release in $(helm list --namespace "$NAMESPACE" --short 2>/dev/null); do
        helm uninstall "$release" --namespace "$NAMESPACE" --wait --timeout 3m >/dev/null
    done
    kubectl uncordon --selector d3s-walkthrough=1 >/dev/null 2>&1
    kubectl label nodes --all d3s-walkthrough- >/dev/null 2>&1
    kubectl delete namespace "$NAMESPACE" --ignore-not-found --timeout 3m >/dev/null
    rm -rf "$WORK"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] || exit 1
}
diagnose() {
    echo "--- pods, events and logs"
    kubectl --namespace "$NAMESPACE" get pods --output wide
    kubectl --namespace "$NAMESPACE" get events --sort-by .lastTimestamp | tail -n 25
    kubectl --namespace "$NAMESPACE" logs d3s-0 --all-containers --tail 30
}
trap end EXIT
trap 'exit 130' INT TERM

# The commands between ```sh and ``` under a heading of the README: block HEADING NUMBER
block() {
    awk -v title="#### $1" -v number="$2" '
        $0 == title { on = 1; next }
        on && /^###/ { exit }
        on && $0 == "```sh" { inside = ++blocks == number; next }
        $0 == "```" { inside = 0 }
        on && inside' "$README" |
        sed -e "s#registry.example.org/lab/d3s-server#${IMAGE%:*}#" -e "s/8080:80/$PORT:80/" -e "s/127.0.0.1:8080/127.0.0.1:$PORT/" \
            -e 's/200Gi/5Gi/' -e 's/500G/3G/' -e "s/\"steps\": 1000/\"steps\": $STEPS/" -e 's/"interval": 100/"interval": 50/' \
            -e 's#^\(helm \(install\|upgrade\) d3s helm/d3s-server\)#\1 "${OPTIONS[@]}"#'
}
# Runs one as it is; "no such block" is a failure.
typed() {
    local text
    text=$(block "$@")
    [ -n "$text" ] || { fail "$1" "helm/README.md has no block $2 there"; return 1; }
    eval "$text"
}

k() { kubectl --namespace "$NAMESPACE" "$@"; }
server() { curl -sS --max-time 30 "$D3S$1" -H "Authorization: Bearer ${2:-$ADMIN}" "${@:3}"; }
everything() { server "$1" "$ADMIN" -H 'OpenAI-Organization: *'; }
status() { everything "/v1/fine_tuning/jobs/$1" | jq -r .status; }
is() { [ "$(status "$1")" = "$2" ]; }
# What a job says besides its steps, oldest first.
messages() {
    local page after=
    while page=$(everything "/v1/fine_tuning/jobs/$1/events?limit=1000$after") && [ -n "$page" ]; do
        jq -r '.data[] | select(.type == "message") | .message' <<<"$page"
        [ "$(jq -r .has_more <<<"$page")" = true ] || break
        after="&after=$(jq -r .last_id <<<"$page")"
    done | tac
}
steps() { everything "/v1/fine_tuning/jobs/$1/events?limit=5" | jq -r '[.data[].data.step? // empty] | max // -1'; }
beyond() { [ "$(steps "$1")" -ge "$2" ]; }
running() { everything "/v1/fine_tuning/jobs?limit=20" | jq -r '[.data[] | select(.status == "running")][0].id // empty'; }
runs() { [ -n "$(running)" ]; }
losses() {
    everything "/v1/fine_tuning/jobs/$1/metrics?names=loss" | jq -r '[.steps, .loss] | tostring' | sha256sum | cut -c 1-16
}
restarts() { k get pod "$1" --output jsonpath='{.status.containerStatuses[0].restartCount}'; }
ready() { [ "$(k get pod "$1" --output jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" = True ]; }
answers() { curl -sf --max-time 5 "$D3S/q/health/ready"; }

# The way in again, after its pod has gone.
forwarded() {
    [ -z "$forward" ] || { kill "$forward"; wait "$forward"; } 2>/dev/null
    k port-forward service/d3s "$PORT:80" >/dev/null 2>&1 &
    forward=$!
    within 60 answers
}
back() { within 600 ready d3s-0 && forwarded; }

# A job in its middle: sets RUNNING and AT.
middle() {
    RUNNING=$(running)
    [ -n "$RUNNING" ] && AT=$(steps "$RUNNING") && [ "$AT" -ge 60 ] && [ "$AT" -le $((STEPS * 4 / 5)) ]
}
busy() {
    within 900 middle && return
    fail "$1" "no job is in its middle: $(everything '/v1/fine_tuning/jobs?limit=20' | jq -r '.data[] | .status' | paste -sd ' ')"
    return 1
}
# What the job that was disturbed says of it: resumed WHAT SAID LOST, where LOST is how many steps it may have to do again
resumed() {
    went_on() { messages "$RUNNING" | tail -n +"$1" | grep -q 'goes on after step'; }
    within 900 went_on "$SAID" || { fail "$1" "job $RUNNING did not go on: $(messages "$RUNNING" | tail -n 3)"; return; }
    local after
    after=$(messages "$RUNNING" | tail -n +"$SAID" | sed -n 's/.*goes on after step \([0-9]*\).*/\1/p' | head -n 1)
    if [ "$after" -ge $((AT - $2)) ]; then
        pass "$1" "stopped at step $AT or later; $(messages "$RUNNING" | tail -n +"$SAID" | head -n 2 | paste -sd ' ')"
    else
        fail "$1" "it was at step $AT and went on after $after"
    fi
}
said() { SAID=$(($(messages "$RUNNING" | wc -l) + 1)); }

echo "Kubernetes $(kubectl version --output json | jq -r .serverVersion.gitVersion), Helm $(helm version --template '{{.Version}}')," \
    "$(kubectl get nodes --no-headers | wc -l) node(s), $(kubectl get nodes --output jsonpath='{.items[0].status.nodeInfo.containerRuntimeVersion}'), image $IMAGE"

# what the script's own pods need in a restricted namespace
restricted='"securityContext": {"runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}'
locked='"securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}'

# ---- values that contradict each other never reach the cluster
refused() {
    local said
    said=$(helm install d3s helm/d3s-server --namespace default --dry-run=server "${@:2}" 2>&1)
    expect "refused: $1" "$3" "$said"
}
contradiction() { # WHAT PATTERN OPTION...
    local said
    if said=$(helm install d3s helm/d3s-server --namespace default --dry-run=client "${@:3}" 2>&1); then
        fail "refused: $1" "Helm takes it"
    else
        expect "refused: $1" "$2" "$said"
    fi
}
contradiction 'two servers on SQLite' 'replicas' --set replicas=2
contradiction 'two databases' 'database/url' --set postgresql.enabled=true --set database.url=jdbc:postgresql://db/d3s --set database.secret.name=db
contradiction 'a value that does not exist' 'homes' --set homes.size=1Gi

# ---- install
typed Install 1 >"$WORK/install" 2>&1
expect 'install' 'STATUS: deployed' "$(grep STATUS "$WORK/install")"
expect 'rollout' 'complete|roll(ed|ing)' "$(grep -E 'complete|roll' "$WORK/install" | tail -n 1)"
expect 'helm test' 'Phase: *Succeeded' "$(grep Phase "$WORK/install")"
typed Install 2 >"$WORK/way-in" 2>&1
within 30 answers
expect 'models, with the admin'"'"'s key' 'arithmetic-base' "$(server /v1/models | jq -r '.data[].id' | paste -sd ' ')"
expect 'doctor in the pod' 'processors|threads' "$(k exec d3s-0 -- d3s doctor 2>&1 | grep -iE 'processors|threads' | head -n 2)"
forwarded
notes=$(helm get notes d3s --namespace "$NAMESPACE")
key=$(eval "$(sed -n '/^    export OPENAI_API_KEY/,/decode)$/p' <<<"$notes"); printf %s \"\$OPENAI_API_KEY\"")
expect 'the notes'"'"' curl' '"object"' "$(OPENAI_API_KEY=$key && eval "$(grep '^    curl' <<<"$notes" | sed "s/curl/curl -sS/; s/127.0.0.1:8080/127.0.0.1:$PORT/")" 2>&1)"
expect 'without a key' '401' "$(curl -s -o /dev/null -w '%{http_code}' "$D3S/v1/models")"
expect 'pod security' 'restricted' "$(kubectl get namespace "$NAMESPACE" --output jsonpath='{.metadata.labels}')"
expect 'a pod that is not restricted is refused here' 'violates PodSecurity' \
    "$(k run open --image busybox:1.37.0 --dry-run=server 2>&1)"
expect 'user, capabilities and root file system of the server' '^10001 0000000000000000 read-only' \
    "$(k exec d3s-0 -- sh -c 'echo "$(id -u) $(sed -n "s/CapEff:\t//p" /proc/self/status) $(touch /opt/d3s/x 2>/dev/null && echo written || echo read-only)"')"

# ---- keys, jobs, queue
typed 'Keys for two groups' 1 >"$WORK/keys" 2>&1
expect 'keys' 'lab-a.*lab-b|lab-b.*lab-a' "$(tr '\n' ' ' <"$WORK/keys")"
typed 'Submit from both' 1 >"$WORK/submitted" 2>&1
mapfile -t LAB_A_JOBS < <(grep -o 'ftjob-[A-Za-z0-9]*' "$WORK/submitted")
JOBS=("${LAB_A_JOBS[@]}" "$JOB")
expect 'four jobs' '^4$' "${#JOBS[@]}"
expect 'lab-b sees its job alone' "^$JOB\$" "$(server '/v1/fine_tuning/jobs?limit=20' "$LAB_B" | jq -r '.data[].id')"
timeout 1800 bash -c "$(block 'Watch the queue' 2 | sed "s/\$D3S/${D3S//\//\\/}/; s/\$JOB/$JOB/; s/\$LAB_B/$LAB_B/")" >"$WORK/followed" 2>&1 &
within 1200 is "${LAB_A_JOBS[0]}" succeeded
expect 'first job' succeeded "$(status "${LAB_A_JOBS[0]}")"
UNDISTURBED=$(losses "${LAB_A_JOBS[0]}")
within 60 runs
expect 'lab-b is second, with three of lab-a before it' "^$JOB\$" "$(running)"
typed 'Watch the queue' 1 >"$WORK/queue" 2>&1
expect 'the queue, to an admin' "lab-a.*queued" "$(grep queued "$WORK/queue" | head -n 1)"
expect 'metrics' 'd3s_jobs\{' "$(grep d3s_jobs "$WORK/queue" | paste -sd ' ')"

# ---- what the network policy keeps apart
if [ "${D3S_POLICY:-0}" = 1 ]; then
    kubectl create namespace "$NAMESPACE-others" >/dev/null
    probe() { # NAMESPACE ADDRESS: what a client there sees
        kubectl --namespace "$1" apply --filename - >/dev/null <<CLIENT
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client"}, "spec": {$restricted, "restartPolicy": "Never",
 "automountServiceAccountToken": false, "containers": [{"name": "client", "image": "docker.io/curlimages/curl:8.16.0", $locked,
  "command": ["curl", "-sS", "--max-time", "5", "--retry", "6", "--retry-all-errors", "--retry-delay", "1", "$2"]}]}}
CLIENT
        gone() { kubectl --namespace "$1" get pod client --output jsonpath='{.status.phase}' | grep -E 'Succeeded|Failed'; }
        within 120 gone "$1"
        kubectl --namespace "$1" logs client
        kubectl --namespace "$1" delete pod client --wait=false >/dev/null
    }
    expect 'a pod of the namespace reaches the server' 'UP' "$(probe "$NAMESPACE" "http://d3s.$NAMESPACE.svc/q/health/live")"
    expect 'a pod of another namespace does not' 'timed out|Failed to connect|refused' "$(probe "$NAMESPACE-others" "http://d3s.$NAMESPACE.svc/q/health/live")"
    reach() { k exec d3s-0 -- bash -c "timeout 5 bash -c 'exec 3<>/dev/tcp/$1' && echo reached || echo kept in" 2>&1; }
    expect 'the server does not reach the API of the cluster' 'kept in' "$(reach kubernetes.default.svc/443)"
    expect 'but the name service' 'reached' "$(reach "$(kubectl --namespace kube-system get service kube-dns --output jsonpath='{.spec.clusterIP}')/53")"
    kubectl delete namespace "$NAMESPACE-others" --wait=false >/dev/null
fi

# ---- a server that dies
if busy 'a crash'; then
    said
    before=$(restarts d3s-0)
    # a segmentation fault ends a JVM without any word to its jobs
    k exec d3s-0 -- sh -c 'kill -SEGV 1' >/dev/null 2>&1
    restarted() { [ "$(restarts d3s-0)" -gt "$before" ]; }
    within 120 restarted
    expect 'the container starts again in its place' '^[1-9]' "$(restarts d3s-0)"
    back
    resumed 'a crash: the job goes on after its last checkpoint' 50
fi

# ---- a pod that is deleted
if busy 'a pod is deleted'; then
    said
    old=$(k get pod d3s-0 --output jsonpath='{.metadata.uid}')
    started=$SECONDS
    k delete pod d3s-0 --wait=true >/dev/null
    took=$((SECONDS - started))
    [ "$took" -lt 60 ] && pass 'a pod is deleted: it ends before its grace period' "$took s of 60" || fail 'a pod is deleted' "it was killed after $took s"
    another() { [ "$(k get pod d3s-0 --output jsonpath='{.metadata.uid}')" != "$old" ]; }
    within 60 another
    back
    resumed 'a pod is deleted: no step is lost' 0
fi

# ---- drain
if [ "${D3S_DRAIN:-1}" = 1 ] && busy 'a drain'; then
    said
    old=$(k get pod d3s-0 --output jsonpath='{.metadata.uid}')
    NODE=$(k get pod d3s-0 --output jsonpath='{.spec.nodeName}')
    kubectl label node "$NODE" d3s-walkthrough=1 >/dev/null
    if [ "$(kubectl get nodes --output json | jq '[.items[] | select(.spec.unschedulable | not)] | length')" -gt 1 ]; then
        typed 'Drain a node' 1 >"$WORK/drain" 2>&1
        moved="$NODE to $(k get pod d3s-0 --output jsonpath='{.spec.nodeName}')"
    else
        # the only node: there is nothing to wait for before it is back
        block 'Drain a node' 1 | grep -v 'rollout status' >"$WORK/alone"
        eval "$(cat "$WORK/alone")" >"$WORK/drain" 2>&1
        moved="$NODE, the only one"
    fi
    kubectl label node "$NODE" d3s-walkthrough- >/dev/null
    expect "a drain ($moved)" 'drained' "$(grep drained "$WORK/drain")"
    within 120 another
    back
    resumed 'a drain: no step is lost' 0
fi

# ---- upgrade
if busy 'an upgrade'; then
    said
    tag=${D3S_UPGRADE_TAG:-${IMAGE##*:}}
    kept=("${OPTIONS[@]}")
    OPTIONS=(--set-string "podAnnotations.walkthrough=upgraded")
    eval "$(block Upgrade 1 | sed "s/image.tag=[^ ]*/image.tag=$tag/")" >"$WORK/upgrade" 2>&1
    OPTIONS=("${kept[@]}")
    expect 'upgrade' 'REVISION: 2' "$(grep REVISION "$WORK/upgrade")"
    expect 'the upgraded image' ":$tag\$" "$(k get pod d3s-0 --output jsonpath='{.spec.containers[0].image}')"
    back
    resumed 'an upgrade: no step is lost' 0
    expect 'the admin'"'"'s key is the same' '^yes' "$(k get secret d3s-admin-key --output jsonpath='{.data.api-key}' | base64 --decode | grep -qx "$ADMIN" && echo yes)"
fi

# ---- backup, loss, restore
if busy 'a backup'; then
    said
    typed 'Back up and restore' 1 >"$WORK/backup" 2>&1
    typed 'Back up and restore' 3 >>"$WORK/backup" 2>&1
    expect 'the copy of the home' 'd3s.db|\.db' "$(tar -tf d3s-home.tar 2>&1 | grep -m 3 '\.db')"
    # it is all gone, and comes back
    k exec d3s-copy -- find /home-of-d3s -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -r {} + >/dev/null
    expect 'the home, lost' '^$' "$(k exec d3s-copy -- ls /home-of-d3s | grep -v lost+found)"
    block 'Back up and restore' 5 | grep -v -A 9 postgresql >"$WORK/restore.sh"
    eval "$(cat "$WORK/restore.sh")" >>"$WORK/backup" 2>&1
    typed 'Back up and restore' 6 >>"$WORK/backup" 2>&1
    rm -f d3s-home.tar
    back
    resumed 'restored: no step is lost' 0
    expect 'restored: the keys of both groups count' '200 200' \
        "$(for key in "$LAB_A" "$LAB_B"; do curl -s -o /dev/null -w '%{http_code} ' "$D3S/v1/models" -H "Authorization: Bearer $key"; done)"
fi

# ---- plugins that are downloaded when the server starts
if [ -n "${D3S_PLUGIN:-}" ]; then
    jar=${D3S_PLUGIN%=*}
    k apply --filename - >/dev/null <<FILES
{"apiVersion": "v1", "kind": "List", "items": [
 {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "files"}, "spec": {"selector": {"app": "files"}, "ports": [{"port": 8080}]}},
 {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "files", "labels": {"app": "files"}}, "spec": {$restricted,
  "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 1, "volumes": [{"name": "srv", "emptyDir": {}}],
  "containers": [{"name": "files", "image": "docker.io/library/busybox:1.37.0", $locked,
   "command": ["httpd", "-f", "-p", "8080", "-h", "/srv"], "volumeMounts": [{"name": "srv", "mountPath": "/srv"}]}]}}]}
FILES
    within 60 ready files
    served() {
        k exec --stdin files -- sh -c 'cat >/srv/plugin.jar' <"$jar"
        [ "$(k exec files -- sha256sum /srv/plugin.jar | cut -d ' ' -f 1)" = "$(sha256sum "$jar" | cut -d ' ' -f 1)" ]
    }
    within 60 served || fail 'a plugin to download' "the copy of $jar is not whole"
    downloads() { # SHA-256
        helm upgrade d3s helm/d3s-server --namespace "$NAMESPACE" --reset-then-reuse-values --values - 2>&1 <<VALUES
plugins: {downloads: [{url: "http://files.$NAMESPACE.svc:8080/plugin.jar", sha256: "$1"}]}
networkPolicy: {extraEgress: [{to: [{podSelector: {matchLabels: {app: files}}}], ports: [{port: 8080, protocol: TCP}]}]}
VALUES
    }
    downloads "$(printf 0%.0s {1..64})" >/dev/null
    says() { k logs d3s-0 --container plugins 2>&1 | grep 'is not what plugins.downloads says'; }
    within 180 says
    expect 'a plugin with another checksum keeps the server from starting' 'is not what plugins.downloads says' "$(says | head -n 1)"
    # the broken version is replaced without anybody's help
    downloads "$(sha256sum "$jar" | cut -d ' ' -f 1)" >/dev/null
    downloaded() { k logs d3s-0 --container plugins 2>&1 | grep 'plugin.jar was downloaded'; }
    within 180 downloaded
    back
    expect 'the right one is downloaded' "\"${D3S_PLUGIN##*=}\"" "$(server /v1/plugins | grep -o "\"${D3S_PLUGIN##*=}\"" | head -n 1)"
fi

# ---- whatever happened, the numbers are those of the job that nothing happened to
for job in "${JOBS[@]}"; do
    within 900 is "$job" succeeded
    expect "job $job" "succeeded $UNDISTURBED" "$(status "$job") $(losses "$job") after $(messages "$job" | grep -c 'goes on after step') interruptions"
done
expect 'lab-b followed its job, until its server died' 'Step [0-9]+/' "$(grep -c '^data' "$WORK/followed") lines of data, the last $(grep -o 'Step [0-9]*/[0-9]*' "$WORK/followed" | tail -n 1)"

# ---- uninstall
kill "$forward" 2>/dev/null
helm uninstall d3s --namespace "$NAMESPACE" --wait --timeout 3m >"$WORK/uninstall" 2>&1
expect 'uninstall keeps the home and the admin'"'"'s key' 'persistentvolumeclaim/home-d3s-0.*secret/d3s-admin-key' \
    "$(k get pvc,secret --output name | tr '\n' ' ')"
k wait --for=delete pod/d3s-0 --timeout 2m >/dev/null 2>&1
k delete pod,service files --ignore-not-found >/dev/null
expect 'uninstall leaves nothing else' '^$' "$(k get all,networkpolicy,pdb,configmap,serviceaccount --output name | grep -v -e kube-root-ca -e serviceaccount/default)"

# ---- several servers on one PostgreSQL
several() { # NAME OPTION...
    local release=$1
    shift
    helm install "$release" helm/d3s-server --namespace "$NAMESPACE" "${OPTIONS[@]}" --set "image.repository=${IMAGE%:*}" \
        --set replicas=2 --set home.accessMode=ReadWriteMany --set home.size=5Gi ${D3S_SEVERAL:-} "$@" >"$WORK/$release" 2>&1
    k rollout status "statefulset/$release" --timeout 5m >>"$WORK/$release" 2>&1
    expect "$release: two servers" '2$' "$(k get pods --selector "app.kubernetes.io/instance=$release,app.kubernetes.io/component=server" \
        --output jsonpath='{range .items[*]}{.spec.nodeName}{" "}{end}') ready $(k get statefulset "$release" --output jsonpath='{.status.readyReplicas}')"
    ADMIN=$(k get secret "$release-admin-key" --output jsonpath='{.data.api-key}' | base64 --decode)
    k port-forward "pod/$release-1" "$PORT:8080" >/dev/null 2>&1 &
    forward=$!
    within 60 answers
    local first second
    first=$(submit "$ADMIN")
    second=$(submit "$ADMIN")
    both() { is "$first" running && is "$second" running; }
    within 60 both
    expect "$release: each runs a job" 'running running' "$(status "$first") $(status "$second")"
    # the other server's jobs: which of the two runs where, only the end of one tells
    within 120 beyond "$first" 60
    k exec "$release-0" -- sh -c 'kill -SEGV 1' >/dev/null 2>&1
    k delete pod "$release-0" --wait=false >/dev/null
    over() { is "$first" succeeded && is "$second" succeeded; }
    within 900 over
    expect "$release: both end, one of them after its server died" "succeeded succeeded" "$(status "$first") $(status "$second")"
    expect "$release: with the same numbers" 'same' "$([ "$(losses "$first")" = "$(losses "$second")" ] && echo same || echo different) $(losses "$first")"
    expect "$release: one went on" 'goes on after step' "$({ messages "$first"; messages "$second"; } | grep 'goes on after step' | paste -sd ' ')"
    helm test "$release" --namespace "$NAMESPACE" >"$WORK/$release-test" 2>&1
    expect "$release: helm test" 'Phase: *Succeeded' "$(grep Phase "$WORK/$release-test")"
    kill "$forward" 2>/dev/null
    helm uninstall "$release" --namespace "$NAMESPACE" --wait --timeout 3m >/dev/null
    k delete pvc --all >/dev/null
}
if [ -n "${D3S_DATABASE:-}" ]; then
    k create secret generic database --from-literal "username=${D3S_DATABASE_USER:-d3s}" --from-literal "password=${D3S_DATABASE_PASSWORD:-}" >/dev/null
    several d3s-url --set "database.url=$D3S_DATABASE" --set database.secret.name=database
fi
[ "${D3S_POSTGRESQL:-0}" != 1 ] || several d3s-own --set postgresql.enabled=true --set postgresql.size=1Gi
