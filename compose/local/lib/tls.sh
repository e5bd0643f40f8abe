# shellcheck shell=bash
# tls.sh: a certificate authority of the stack's own, one server and one client certificate. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

tls_make() {
    [[ -e $data/tls/.complete ]] && return
    rm -rf "$data/tls"
    (
        umask 077
        mkdir "$data/tls"
        cd "$data/tls"
        openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.crt -subj '/CN=weir local authority'
        tls_certificate server /CN=localhost 'subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1'
        tls_certificate client /CN=weir 'extendedKeyUsage=clientAuth'
        # Kafka reads one file, with the key in PKCS#8 form before the certificate.
        openssl pkcs8 -topk8 -nocrypt -in server.key -out server.p8
        cat server.p8 server.crt >server.pem
        rm -f server.p8 ./*.csr ./*.extensions
        : >.complete
    ) >"$data/logs/tls.log" 2>&1 || die "could not make the certificates; see $data/logs/tls.log"
}

tls_certificate() { # NAME SUBJECT EXTENSIONS
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2"
    printf '%s\n' "$3" >"$1.extensions"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
        -extfile "$1.extensions" -out "$1.crt"
}

tls_env() {
    stack_export TLS_CA "$data/tls/ca.crt"
    stack_export TLS_CLIENT_CERT "$data/tls/client.crt"
    stack_export TLS_CLIENT_KEY "$data/tls/client.key"
}
