//! Where HTCondor's own reader is wrong.

/// A log that is read in another way than by HTCondor.
#[derive(Debug)]
pub(super) struct Deviation {
    pub(super) log: &'static str,
    /// Why theirs is wrong.
    #[expect(dead_code, reason = "it is for readers")]
    pub(super) why: &'static str,
    /// What we read there.
    pub(super) ours: &'static [&'static str],
}

pub(super) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        log: "chirp.log",
        why: "The first setting of an attribute is an empty one to it; a text of `...` is an error.",
        ours: &[
            "33 116.0 2049 Attribute=\"MyProgress\" Value=\"0\"",
            "33 116.1 5054 Attribute=\"MyProgress\" Value=\"0\"",
            "8 116.0 8322",
            "8 116.1 11541",
            "nothing up to 8318",
            "nothing up to 11537",
        ],
    },
    Deviation {
        log: "fmt_json.log",
        why: "The first setting of an attribute is an empty one to it; a text of `...` is an error.",
        ours: &[
            "33 153.3 9358 Attribute=\"MyProgress\" Value=\"0\"",
            "8 153.3 26398",
            "nothing up to 26394",
        ],
    },
    Deviation {
        log: "fmt_sub.log",
        why: "The first setting of an attribute is an empty one to it; a text of `...` is an error.",
        ours: &[
            "33 161.3 17872 Attribute=\"MyProgress\" Value=\"0\"",
            "8 161.3 24569",
            "nothing up to 24565",
        ],
    },
    Deviation {
        log: "json_job.log",
        why: "It takes a log for one of text for ever, or of JSON, whatever follows.",
        ours: &[
            "35 173.-1 37016",
            "0 173.0 37168",
            "1 173.0 37444",
            "6 173.0 37584",
            "5 173.0 38498",
            "0 173.1 38650",
            "1 173.1 38926",
            "6 173.1 39066",
            "5 173.1 39980",
            "36 173.-1 40082",
        ],
    },
    Deviation {
        log: "EventLog.1",
        why: "The first setting of an attribute is an empty one to it; a text of `...` is an error.",
        ours: &["8 193.47 6748", "nothing up to 6744"],
    },
    Deviation {
        log: "EventLog.2",
        why: "The first setting of an attribute is an empty one to it; a text of `...` is an error.",
        ours: &[
            "33 193.47 7106 Attribute=\"MyProgress\" Value=\"0\"",
            "8 193.37 17129",
            "nothing up to 17125",
        ],
    },
    Deviation {
        log: "EventLog.3",
        why: "The first setting of an attribute is an empty one to it.",
        ours: &["33 193.37 7004 Attribute=\"MyProgress\" Value=\"0\""],
    },
    Deviation {
        log: "adinfo_bad.log",
        why: "A line that is no attribute makes an error of all.",
        ours: &["28 1.0 115"],
    },
    Deviation {
        log: "adinfo_dots.log",
        why: "A text without its closing quote makes an error of all.",
        ours: &["28 1.0 87"],
    },
    Deviation {
        log: "adinfo_empty.log",
        why: "An event without attributes is an error.",
        ours: &["28 1.0 78"],
    },
    Deviation {
        log: "allevents_text.log",
        why: "The first setting of an attribute is an empty one to it; what is said of space and files it can't read back.",
        ours: &[
            "33 14.55 5666 Attribute=\"A\" Value=\"1\"",
            "41 14.55 7419",
            "42 14.55 7485",
            "43 14.55 7593",
            "44 14.55 7686",
            "45 14.55 7791",
        ],
    },
    Deviation {
        log: "attr_update.log",
        why: "The first setting of an attribute is an empty one to it, as is what it can't read; values end at their first blank.",
        ours: &[
            "33 1.0 169 Attribute=\"MyProgress\" Value=\"0\"",
            "33 1.0 261 Value=\"\\\"c to d\\\"\"",
            "33 1.0 346 Attribute=\"Msg\" Value=\"\\\"hello world\\\"\"",
            "33 1.0 492 Attribute=null Value=null",
        ],
    },
    Deviation {
        log: "bom.log",
        why: "It reads nothing behind a byte order mark.",
        ours: &["0 1.0 149", "1 1.0 335", "5 1.0 784"],
    },
    Deviation {
        log: "date_01.log",
        why: "It takes the time of M/D for words, and another time for its time.",
        ours: &[
            "8 1.0 45 timestamp=1767323045 EventTime=\"2026-01-02T03:04:05\" Info=\"info here\"",
            "8 1.0 45 timestamp=1767319445 EventTime=\"2026-01-02T03:04:05\" Info=\"info here\"",
            "8 1.0 45 timestamp=1767303245 EventTime=\"2026-01-02T03:04:05\" Info=\"info here\"",
            "8 1.0 45 timestamp=1767341045 EventTime=\"2026-01-02T03:04:05\" Info=\"info here\"",
        ],
    },
    Deviation {
        log: "date_19.log",
        why: "It passes over how far the clock was ahead of UTC.",
        ours: &[
            "8 1.0 58 timestamp=1704157445 EventTime=\"2024-01-02T01:04:05\"",
            "8 1.0 58 timestamp=1704157445 EventTime=\"2024-01-02T02:04:05\"",
            "8 1.0 58 timestamp=1704157445 EventTime=\"2024-01-02T06:34:05\"",
            "8 1.0 58 timestamp=1704157445 EventTime=\"2024-01-01T20:04:05\"",
        ],
    },
    Deviation {
        log: "digits2.log",
        why: "It passes over what is no header without a word.",
        ours: &["NoEvent 146+48"],
    },
    Deviation {
        log: "digits4.log",
        why: "It passes over what is no header without a word.",
        ours: &["NoEvent 146+51"],
    },
    Deviation {
        log: "first_event_200.log",
        why: "It reads nothing of a log that doesn't begin as one does.",
        ours: &["200 -1.-1 56", "0 1.0 202", "1 1.0 388", "5 1.0 837"],
    },
    Deviation {
        log: "garbage_bad_header.log",
        why: "It passes over a terminator together with what is no event; here it is nothing.",
        ours: &["NoEvent 146+19", "nothing up to 169"],
    },
    Deviation {
        log: "garbage_between_sep.log",
        why: "It passes over what is no event without a word.",
        ours: &["NoEvent 146+21"],
    },
    Deviation {
        log: "garbage_body.log",
        why: "A body that it can't read makes an error of the event, which did happen.",
        ours: &["5 1.0 227"],
    },
    Deviation {
        log: "garbage_first.log",
        why: "It reads nothing of a log that doesn't begin as one does.",
        ours: &["NoEvent 0+12", "0 1.0 158", "1 1.0 344", "5 1.0 793"],
    },
    Deviation {
        log: "garbage_first_0.log",
        why: "It passes over what is no event without a word.",
        ours: &["NoEvent 0+14"],
    },
    Deviation {
        log: "generic_empty.log",
        why: "A body that it can't read makes an error of the event, which did happen.",
        ours: &["8 1.0 231"],
    },
    Deviation {
        log: "generic_len_1000.log",
        why: "It cuts words off after a kilobyte.",
        ours: &["8 1.0 1189 Info=(1002 bytes)"],
    },
    Deviation {
        log: "generic_len_1022.log",
        why: "It cuts words off after a kilobyte.",
        ours: &["8 1.0 1211 Info=(1024 bytes)"],
    },
    Deviation {
        log: "generic_len_1023.log",
        why: "It cuts words off after a kilobyte.",
        ours: &["8 1.0 1212 Info=(1025 bytes)"],
    },
    Deviation {
        log: "generic_len_1024.log",
        why: "It cuts words off after a kilobyte.",
        ours: &["8 1.0 1213 Info=(1026 bytes)"],
    },
    Deviation {
        log: "generic_len_3000.log",
        why: "It cuts words off after a kilobyte.",
        ours: &["8 1.0 3189 Info=(3002 bytes)"],
    },
    Deviation {
        log: "generic_len_9000.log",
        why: "It cuts words off after a kilobyte.",
        ours: &["8 1.0 9189 Info=(9002 bytes)"],
    },
    Deviation {
        log: "header_nospace_paren.log",
        why: "It passes over what is no header without a word.",
        ours: &["NoEvent 0+42"],
    },
    Deviation {
        log: "header_tab.log",
        why: "It passes over what is no header without a word.",
        ours: &["NoEvent 0+43"],
    },
    Deviation {
        log: "held_kinds.log",
        why: "It takes numbers without a reason for the reason.",
        ours: &["12 5.0 451 HoldReason=null HoldReasonCode=13 HoldReasonSubCode=2"],
    },
    Deviation {
        log: "id_05.log",
        why: "Ids have 32 bits, and others come out as different ones.",
        ours: &["8 2147483648.0 59 cluster=2147483648"],
    },
    Deviation {
        log: "id_06.log",
        why: "Ids have 32 bits, and others come out as different ones.",
        ours: &["8 99999999999.0 60 cluster=99999999999 Cluster=99999999999"],
    },
    Deviation {
        log: "json_array.log",
        why: "It reads nothing of an array.",
        ours: &["0 1.0 161", "5 1.0 327"],
    },
    Deviation {
        log: "json_garbage.log",
        why: "It stops at what is no event.",
        ours: &["NoEvent 160+8", "5 1.0 332"],
    },
    Deviation {
        log: "json_no_type.log",
        why: "It passes over an ad without a type without a word.",
        ours: &["BadAd 160+144"],
    },
    Deviation {
        log: "latin1.log",
        why: "What is no UTF-8 makes an error of the event.",
        ours: &["12 1.0 85"],
    },
    Deviation {
        log: "mixed_json_text.log",
        why: "It takes a log for one of JSON for ever.",
        ours: &["0 1.0 306", "1 1.0 492", "5 1.0 941"],
    },
    Deviation {
        log: "mixed_text_json.log",
        why: "It takes a log for one of text for ever, or of JSON, whatever follows.",
        ours: &["0 1.0 940", "5 2.0 1390"],
    },
    Deviation {
        log: "mixed_text_xml.log",
        why: "It takes a log for one of text for ever, or of JSON, whatever follows.",
        ours: &["0 1.0 1078", "5 2.0 1528"],
    },
    Deviation {
        log: "nul_in_body.log",
        why: "Words end at a zero.",
        ours: &["8 1.0 200 Info=\"info\\u0000hidden\""],
    },
    Deviation {
        log: "reconnect_short.log",
        why: "A body that it can't read makes an error of the event, which did happen.",
        ours: &["22 1.0 230", "1 1.0 416"],
    },
    Deviation {
        log: "remote_error.log",
        why: "A body that it can't read makes an error of the event, which did happen.",
        ours: &["21 1.0 327"],
    },
    Deviation {
        log: "sep_spaces.log",
        why: "An event without a terminator takes the next one with it.",
        ours: &[
            "0 1.0 148",
            "1 1.0 334 name=\"EXECUTE\" timestamp=1704164646 type=1 EventTime=\"2024-01-02T03:04:06\" EventTypeNumber=1 LogNotes=null MyType=\"ExecuteEvent\" SubmitHost=null UserNotes=null",
        ],
    },
    Deviation {
        log: "space_041_045.log",
        why: "What is said of space and files it can't read back.",
        ours: &["41 1.0 156", "42 1.0 251", "43 1.0 394", "44 1.0 510", "45 1.0 638"],
    },
    Deviation {
        log: "submit_host_long.log",
        why: "It cuts an address off after a kilobyte, and takes the rest for a note.",
        ours: &["0 1.0 2070 LogNotes=null SubmitHost=(2004 bytes)"],
    },
    Deviation {
        log: "submit_notes.log",
        why: "A body that it can't read makes an error of the event, which did happen.",
        ours: &["0 5.0 803"],
    },
    Deviation {
        log: "torn_interleaved.log",
        why: "An event within another one makes an error of both.",
        ours: &["5 1.0 241", "1 2.0 427", "NoEvent 427+350", "0 3.0 927"],
    },
    Deviation {
        log: "torn_mid_line.log",
        why: "An event that goes on as another one is an error, which takes both.",
        ours: &["1 1.0 206", "5 1.0 655"],
    },
    Deviation {
        log: "torn_no_sep.log",
        why: "An event without a terminator takes the next one with it.",
        ours: &[
            "1 1.0 328",
            "5 1.0 777 name=\"JOB_TERMINATED\" timestamp=1704164647 type=5 EventTime=\"2024-01-02T03:04:07\" EventTypeNumber=5 ExecuteHost=null ExecuteProps=null MyType=\"JobTerminatedEvent\" SlotName=null",
        ],
    },
    Deviation {
        log: "transfer.log",
        why: "A body that it can't read makes an error of the event, which did happen.",
        ours: &["40 1.0 695"],
    },
    Deviation {
        log: "trunc_header_digits.log",
        why: "It passes over the beginning of a header, and never sees its event.",
        ours: &["Torn 781+2"],
    },
    Deviation {
        log: "wrong_text.log",
        why: "A body that it can't read makes an error of the event, which did happen.",
        ours: &["5 1.0 600"],
    },
    Deviation {
        log: "xml_prolog.log",
        why: "`&quot;` is not read as a quote.",
        ours: &["0 1.0 372 SubmitHost=\"<h> & \\\"q\\\"\""],
    },
    Deviation {
        log: "xml_trunc.log",
        why: "`&quot;` is not read as a quote, and a part of an element is passed over, and its event never seen.",
        ours: &["0 1.0 297 SubmitHost=\"<h> & \\\"q\\\"\"", "Torn 298+150"],
    },
    Deviation {
        log: "xml_trunc_close.log",
        why: "`&quot;` is not read as a quote, and an element without an end is an event.",
        ours: &["0 1.0 297 SubmitHost=\"<h> & \\\"q\\\"\"", "Torn 298+381"],
    },
];
