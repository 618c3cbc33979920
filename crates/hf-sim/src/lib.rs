//! A simulator of the Hugging Face Inference router.
