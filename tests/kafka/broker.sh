#!/usr/bin/env bash
# One Apache Kafka broker on loopback, for tests: broker.sh DIR PORT starts it in the foreground, its data below DIR; the process is
# the broker's own, so that whoever started it can stop, freeze and kill it. LIBS names the folder of its artifacts. DIR may hold more.properties,
# which win over those written here, and format.arguments, one a line.
set -euo pipefail
dir=$1 port=$2 libs=${LIBS:?the folder of the artifacts, see pom.xml}
mkdir -p "$dir"
if [ ! -f "$dir/server.properties" ]; then
    cat > "$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.voters=1@127.0.0.1:$((port + 1))
log.dirs=$dir/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
EOF
    more=()
    if [ -f "$dir/more.properties" ]; then cat "$dir/more.properties" >> "$dir/server.properties"; fi
    if [ -f "$dir/format.arguments" ]; then mapfile -t more < "$dir/format.arguments"; fi
    java -cp "$libs/*" kafka.tools.StorageTool format -t "$(java -cp "$libs/*" kafka.tools.StorageTool random-uuid)" \
        -c "$dir/server.properties" "${more[@]}" > "$dir/format.log" 2>&1
fi
exec java -Xms256m -Xmx512m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$libs/*" kafka.Kafka "$dir/server.properties"
