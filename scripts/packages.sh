# Which Debian packages are needed, and how do they get here? Read by the other scripts.

build_packages="gcc libasound2-dev libc6-dev libjack-jackd2-dev pkg-config"
test_packages="baresip-core espeak-ng ffmpeg jackd2 kamailio kamailio-tls-modules libnet-sip-perl
    iproute2 linphone-cli mosquitto mosquitto-clients python3 python3-croniter python3-dateutil
    python3-websockets sip-tester sipvicious sox tshark tzdata"
fuzz_packages="g++"

missing_packages() {
    local package
    for package in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null |
            grep --quiet --line-regexp installed || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "Not root, and there is no sudo. As root, run: $*" >&2
        return 1
    fi
}

# Installs those of the named packages that are not there yet.
need_packages() {
    local missing
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "This system has no apt-get. What follows needs what corresponds to these Debian"
        echo "packages:" $missing
        return 0
    fi
    echo "installing" $missing
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update --quiet --quiet
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends $missing
    # Debian starts a freshly installed kamailio at port 5060, where ours shall listen, and a broker
    # that nobody asked for.
    local service
    for service in kamailio mosquitto; do
        case " $missing " in
        *[[:space:]]$service[[:space:]]*)
            if [ -d /run/systemd/system ]; then
                as_root systemctl disable --now --quiet $service || true
            fi
            ;;
        esac
    done
}

# Finds cargo where rustup puts it.
need_cargo() {
    command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
    if ! command -v cargo >/dev/null; then
        echo "cargo is not here. Install Rust first: https://rustup.rs" >&2
        return 1
    fi
}
