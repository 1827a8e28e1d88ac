"""The commands of the laboratory: they test plugins and hosts, measure, report and decide."""
