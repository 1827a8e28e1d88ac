"""Figures taken apart."""


def rows(report: str, title: str) -> list[list[str]]:
    section = report.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_cold_start_has_its_phases(details: str) -> None:
    head, _, *arms = rows(details, "Cold start by phase")
    assert len(head) == 8
    assert arms[0][0] == "grpc-protobuf"
    assert "takes 12.0 ms" in details  # the bare interpreter


def test_each_size_has_a_ratio_to_the_echo(details: str) -> None:
    head, _, *sizes = rows(details, "Each transport and its reference echo")
    assert head[1] == "grpc-protobuf"
    assert [size[0] for size in sizes] == ["0 B", "64.0 B", "1.00 MiB"]
    assert all("<br>echo " in cell for size in sizes for cell in size[1:])


def test_codec_and_carriage_are_varied_one_at_a_time(details: str) -> None:
    _, _, *pairs = rows(details, "Codec and carriage separately")
    assert ["grpc-json / grpc-protobuf", "codec; transport grpc"] in [pair[:2] for pair in pairs]
    assert ["ffi-protobuf / grpc-protobuf", "carriage; codec protobuf"] in [p[:2] for p in pairs]


def test_both_ends_of_an_arm_are_shown(details: str) -> None:
    _, _, first, *_ = rows(details, "CPU and memory of host and plugin")
    assert first[0] == "grpc-protobuf"
    assert " + " in first[1]
