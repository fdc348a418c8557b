// Package activation is what a service manager and a process tell each other, as systemd
// defines it: the manager passes sockets that it has opened (sd_listen_fds(3)), the process
// says how it does (sd_notify(3)) and that it lives (sd_watchdog_enabled(3)). Without a
// manager nothing is passed and nobody told.
package activation
