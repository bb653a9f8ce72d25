# Programs from Go modules, each built once per version into $cache/bin. Sourced by tests/run, which sets $cache.
# Beside each program lies a key: the digest of its go.mod and go.sum, and the version of Go.

# Program, its module below tests/servers, its package, and the minutes that a first build takes on two cores.
go_programs="
kustomize                kustomize   sigs.k8s.io/kustomize/kustomize/v5             1
etcd                     etcd        go.etcd.io/etcd/server/v3                      1
kube-apiserver           kubernetes  k8s.io/kubernetes/cmd/kube-apiserver           5
kube-controller-manager  kubernetes  k8s.io/kubernetes/cmd/kube-controller-manager  3
kube-scheduler           kubernetes  k8s.io/kubernetes/cmd/kube-scheduler           1
kwok                     kwok        sigs.k8s.io/kwok/cmd/kwok                      2
gitea                    gitea       code.gitea.io/gitea                            6
vault                    vault       github.com/hashicorp/vault                     6
"
cluster_programs="etcd kube-apiserver kube-controller-manager kube-scheduler kwok"

go_key() { # module
  echo "$(cat "tests/servers/$1/go.mod" "tests/servers/$1/go.sum" | sha256sum | cut -c1-16)-$(go env GOVERSION)"
}

is_built() { # program module
  [ -x "$cache/bin/$1" ] && [ "$(cat "$cache/bin/$1.key" 2>/dev/null)" = "$(go_key "$2")" ]
}

# Without it the API server says that it is v0.0.0.
version_stamp() { # module
  [ "$1" = kubernetes ] || return 0
  local version major minor
  version="$(sed -n 's/^.*k8s\.io\/kubernetes \(v[0-9.]*\).*$/\1/p' tests/servers/kubernetes/go.mod)"
  IFS=. read -r major minor _ <<<"${version#v}"
  printf -- "-X k8s.io/component-base/version.%s " "gitVersion=$version" "gitMajor=$major" "gitMinor=$minor"
}

# Gitea's SQLite is C, and chosen by a tag. Vault's tag leaves out what no test needs: databases, clouds and their logins.
go_flags() { # program
  case "$1" in
    gitea) echo "CGO_ENABLED=1 GOFLAGS=-tags=sqlite,sqlite_unlock_notify" ;;
    vault) echo "CGO_ENABLED=0 GOFLAGS=-tags=minimal" ;;
    *) echo "CGO_ENABLED=0" ;;
  esac
}

# Its templates and locales are not in the program.
copy_assets() { # program
  [ "$1" = gitea ] || return 0
  local from to="$cache/bin/gitea-static"
  # On a new machine the module is nowhere yet.
  go mod download code.gitea.io/gitea &&
  from="$(go list -m -f '{{.Dir}}' code.gitea.io/gitea)" &&
    rm -rf "$to" && mkdir -p "$to" &&
    cp -R "$from/templates" "$from/options" "$from/public" "$to" &&
    chmod -R u+w,a+rX "$to"
}

build_go() { # program module package
  local out="$cache/bin/$1" key stamp
  key="$(go_key "$2")"
  stamp="$(version_stamp "$2")"
  (
    # Two test runs at once must not build the same thing twice.
    exec 9>"$cache/$1.lock" && flock 9 || exit 1
    ! is_built "$1" "$2" || exit 0
    printf 'building %s (%(%H:%M:%S)T)\n' "$1" -1
    cd "tests/servers/$2" &&
      copy_assets "$1" &&
      # shellcheck disable=SC2046
      env $(go_flags "$1") go build -trimpath -ldflags "-s -w $stamp" -o "$out.new" "$3" &&
      mv "$out.new" "$out" &&
      echo "$key" >"$out.key"
  )
}

# Builds what is not there yet, and says beforehand what that is. What cannot be built is skipped.
build_go_programs() {
  local program module package minutes missing=() total=0
  mkdir -p "$cache/bin"
  while read -r program module package minutes; do
    if [ -z "$program" ] || is_built "$program" "$module"; then continue; fi
    missing+=("$program")
    total=$((total + minutes))
  done <<<"$go_programs"
  [ "${#missing[@]}" -gt 0 ] || return 0
  echo "To be built once, in about $total minutes on two cores: ${missing[*]}"
  while read -r program module package minutes; do
    if [ -z "$program" ]; then continue; fi
    build_go "$program" "$module" "$package" || skip "$program" "it could not be built"
  done <<<"$go_programs"
}

# GitHub's published description of its API, cut to what the tests' GitHub answers. Data, and no program: npm is how it comes.
openapi_package="@octokit/openapi@23.0.2"
openapi_digest="pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="

openapi_key() {
  echo "$openapi_package $(cat tests/servers/github/* | sha256sum | cut -c1-16)"
}

has_github_openapi() {
  [ -f "$cache/bin/github-openapi.json" ] && [ "$(cat "$cache/bin/github-openapi.json.key" 2>/dev/null)" = "$(openapi_key)" ]
}

fetch_github_openapi() {
  ! has_github_openapi || return 0
  local scratch out="$cache/bin/github-openapi.json" cut="$PWD/tests/servers/github/cut.cjs" key
  key="$(openapi_key)"
  mkdir -p "$cache/bin"
  scratch="$(mktemp -d)"
  echo "fetching $openapi_package"
  (
    cd "$scratch" &&
      npm pack --silent "$openapi_package" >/dev/null &&
      node -e '
        const text = require("node:fs").readFileSync(process.argv[1]);
        const digest = require("node:crypto").createHash("sha512").update(text).digest("base64");
        if (digest !== process.argv[2]) throw new Error(`its digest is ${digest}`);
      ' octokit-openapi-*.tgz "$openapi_digest" &&
      tar xzf octokit-openapi-*.tgz package/generated/api.github.com.json &&
      node "$cut" package/generated/api.github.com.json "$out.new" &&
      mv "$out.new" "$out" &&
      echo "$key" >"$out.key"
  )
  local result=$?
  rm -r "$scratch"
  return "$result"
}

has_cluster_programs() {
  local program
  for program in $cluster_programs; do
    [ -x "$cache/bin/$program" ] || return 1
  done
}
