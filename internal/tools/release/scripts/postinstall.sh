#!/bin/sh
# Makes the user of the service, lets it read the configuration, and restarts the service if it runs: after an upgrade. It starts and enables
# nothing else, because the configuration of a new package names no Redis yet.
set -e
if ! grep -q '^rtcollector:' /etc/group; then
    if command -v groupadd >/dev/null; then groupadd --system rtcollector; else addgroup -S rtcollector; fi
fi
if ! grep -q '^rtcollector:' /etc/passwd; then
    if command -v useradd >/dev/null; then
        useradd --system --gid rtcollector --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin rtcollector
    else
        adduser -S -D -H -h /nonexistent -s /sbin/nologin -G rtcollector rtcollector
    fi
fi
# It may hold passwords. Another owner or mode that the administrator chose is kept.
if [ "$(stat -c %U:%G:%a /etc/rtcollector/config.yaml 2>/dev/null)" = root:root:640 ]; then
    chgrp rtcollector /etc/rtcollector/config.yaml
fi

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
    systemctl try-restart rtcollector.service || true
    enable="systemctl enable --now rtcollector"
elif [ -x /sbin/openrc-run ] && [ -x /etc/init.d/rtcollector ]; then
    rc-service --ifstarted rtcollector restart || true
    enable="rc-update add rtcollector && rc-service rtcollector start"
else
    enable="rtcollector run"
fi

# $2 is the previous version for dpkg and apk, and $1 the number of installed packages for rpm.
if [ -z "${2:-}" ] && [ "${1:-}" != 2 ]; then
    echo "rtcollector: name your Redis in /etc/rtcollector/config.yaml, check it with: rtcollector check --connect"
    echo "rtcollector: then start it: $enable"
fi
