#!/usr/bin/env bash
# Builds the client and tests it against a real service.
#
#   clients/typescript/test.sh             all tests
#   clients/typescript/test.sh network     those in test/network.test.mjs
#
# Which service: that of SKILLRELAY_TEST_URL, with SKILLRELAY_TEST_TOKEN, SKILLRELAY_TEST_DATABASE_URL and ROOT_SECRET_PEPPER; otherwise one
# that it starts and stops, from SKILLRELAY_BINARY (.build/debug/skillrelay by default), on the servers of DATABASE_URL and
# RABBITMQ_URL, or on servers of its own, with the object store of S3_BUCKET, or one of its own. Installs what is missing.
set -euo pipefail
client=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../scripts/lib.sh
source "$client/../../scripts/lib.sh"

case ${1:-} in
--help | -h)
    usage
    exit
    ;;
esac

install_packages nodejs node-typescript postgresql-client

cd -- "$client"
rm -rf -- dist build
tsc --project .
tsc --project test

export SKILLRELAY_BINARY=${SKILLRELAY_BINARY:-$repository/.build/debug/skillrelay}
[[ -x $SKILLRELAY_BINARY ]] || die "there is no $SKILLRELAY_BINARY: swift build --product skillrelay"
if [[ -z ${SKILLRELAY_TEST_URL:-} && -z ${S3_BUCKET:-} ]]; then
    install_packages python3-venv
    tools=$(venv tests "$repository/Tests/requirements.txt")
    export NANIO=$tools/bin/nanio
fi
if [[ -z ${SKILLRELAY_TEST_URL:-} && (-z ${DATABASE_URL:-} || -z ${RABBITMQ_URL:-}) ]]; then
    use_services typescript
fi
node test/run.mjs "$@"
