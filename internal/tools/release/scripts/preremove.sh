#!/bin/sh
# Stops the service before the package is removed; not before an upgrade, after which postinstall.sh restarts it. The first argument is
# "remove" or "upgrade" from dpkg, the number of packages that stay from rpm, and a version from apk, which has other hooks for upgrades.
set -e
case "${1:-}" in
upgrade | failed-upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
    systemctl disable --now rtcollector.service || true
elif [ -x /sbin/openrc-run ] && [ -x /etc/init.d/rtcollector ]; then
    rc-service --ifstarted rtcollector stop || true
    rc-update --quiet delete rtcollector default || true
fi
